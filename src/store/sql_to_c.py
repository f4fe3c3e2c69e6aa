"""Writes an SQL file as a C string constant, so that a schema is written down once: sql_to_c.py IN OUT NAME."""
import json
import sys

source, target, name = sys.argv[1:]
with open(source, encoding="ascii") as lines, open(target, "w", encoding="ascii") as out:
    out.write("static const char %s[] =\n" % name)
    for line in lines:
        out.write("\t%s\n" % json.dumps(line))
    out.write("\t;\n")
