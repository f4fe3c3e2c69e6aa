"""The raw cases, in groups by the part of the RFC that they are about; a name belongs to one case only."""

from cases import (chunks, framing, header_fields, host, limits, messages, methods, persistence, request_line, smuggling,
                   targets)

GROUPS = [request_line.GROUP, targets.GROUP, methods.GROUP, host.GROUP, header_fields.GROUP, framing.GROUP,
          chunks.GROUP, messages.GROUP, persistence.GROUP, smuggling.GROUP]


def all_cases(bounds):
    """Every case for a server with these bounds."""
    found = [one for group in [*GROUPS, limits.group(bounds)] for one in group.cases]
    names = [one.name for one in found]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise ValueError(f"these names are given twice: {sorted(twice)}")
    return found
