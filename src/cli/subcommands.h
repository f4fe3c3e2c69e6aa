/* subcommands: what the rows of commands.c run. Each stands in the file of its resource. */
#ifndef DIBS_CLI_SUBCOMMANDS_H
#define DIBS_CLI_SUBCOMMANDS_H

#include "cli/invocation.h"

#define SUBCOMMAND(name) int name(const struct invocation *invocation, struct error *error)

SUBCOMMAND(serve_run);
SUBCOMMAND(drop_create_run);
SUBCOMMAND(drop_show_run);
SUBCOMMAND(drop_list_run);
SUBCOMMAND(drop_open_run);
SUBCOMMAND(drop_pause_run);
SUBCOMMAND(drop_resume_run);
SUBCOMMAND(drop_close_run);
SUBCOMMAND(drop_archive_run);
SUBCOMMAND(drop_closing_run);
SUBCOMMAND(drop_restock_run);
SUBCOMMAND(orders_list_run);
SUBCOMMAND(orders_show_run);
SUBCOMMAND(orders_claim_run);
SUBCOMMAND(orders_confirm_run);
SUBCOMMAND(orders_cancel_run);
SUBCOMMAND(key_create_run);
SUBCOMMAND(key_list_run);
SUBCOMMAND(key_revoke_run);
SUBCOMMAND(token_run);
SUBCOMMAND(audit_run);
SUBCOMMAND(log_show_run);
SUBCOMMAND(log_verify_run);
SUBCOMMAND(log_export_run);
SUBCOMMAND(rules_show_run);
SUBCOMMAND(rules_upgrade_run);
SUBCOMMAND(config_check_run);
SUBCOMMAND(config_show_run);
SUBCOMMAND(manual_run);

#endif
