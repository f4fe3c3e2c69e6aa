/* crowd_commands: the two subcommands that are made of a crowd.
 *
 * Both take their arguments apart by themselves; argv[0] is the subcommand's name. They return the exit status of
 * API.md "Command line", data on stdout, everything else on stderr.
 */
#ifndef DIBS_CLI_CROWD_COMMANDS_H
#define DIBS_CLI_CROWD_COMMANDS_H

int rehearse_main(int argc, char **argv);
int demo_main(int argc, char **argv);

extern const char rehearse_help[], demo_help[];

#endif
