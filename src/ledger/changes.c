#include "ledger/changes.h"

#include <stdlib.h>

#include "base/must.h"

#define SOFT_AT_FIRST 32768 /* changes; about 2 MiB, some milliseconds of the fastest sale */
#define GROUP_MAX 64        /* changes of one drop under one version: a reader waits for so many */
#define ROWS_OF_A_DROP (CHANGED_STOCK + COUNTS_MAX) /* that may wait at once, each once: NEW, TERMS, FLOW, counts */
#define ROWS_OF_A_KEY 2                             /* the same: that it is there, that it is revoked */

/* ---- room ---- */

static uint64_t key_of(const struct change *change)
{
	return (uint64_t)change->drop << 32 | (uint64_t)change->kind << 24 | change->index;
}

/* True when the key was not met since seen was cleared. */
static bool see(struct changes *changes, uint64_t key)
{
	uint64_t word = key + 1; /* no key is all ones: kinds are few */
	uint64_t place = (word * UINT64_C(0x9e3779b97f4a7c15) >> 20) & changes->seen_mask;
	while (changes->seen[place] && changes->seen[place] != word)
		place = (place + 1) & changes->seen_mask;
	bool is_new = changes->seen[place] == 0;
	changes->seen[place] = word;
	return is_new;
}

/* Keeps each row's newest change only; from the back to the front, then down to the beginning. */
static void compact(struct changes *changes)
{
	uint64_t to = changes->next, dropped = UINT64_MAX, bare = 0;
	memset(changes->seen, 0, (changes->seen_mask + 1) * sizeof *changes->seen);
	for (uint64_t at = changes->next; at-- > changes->first;) {
		if (!see(changes, key_of(&changes->all[at]))) {
			dropped = changes->all[at].sequence;
			continue;
		}
		bare += at >= changes->bare;
		changes->all[--to] = changes->all[at];
	}
	if (dropped != UINT64_MAX) {
		if (changes->hold_until == 0 || dropped < changes->hold_from)
			changes->hold_from = dropped;
		changes->hold_until = changes->all[changes->next - 1].sequence;
	}
	changes->first = to;
	changes->bare = changes->next - bare;
}

static void slide(struct changes *changes)
{
	uint64_t first = changes->first;
	memmove(changes->all, changes->all + first, (changes->next - first) * sizeof *changes->all);
	changes->first = 0;
	changes->next -= first;
	changes->bare -= first;
}

static void make_room(struct changes *changes)
{
	slide(changes);
	if (changes->next > changes->soft / 2 && changes->soft < changes->capacity)
		changes->soft = changes->soft * 2 < changes->capacity ? changes->soft * 2 : changes->capacity;
	if (changes->next == changes->soft) {
		compact(changes);
		slide(changes);
	}
	must(changes->next < changes->soft);
}

static void push(struct changes *changes, uint64_t sequence, uint32_t drop, enum change_kind kind, uint32_t index)
{
	if (changes->next == changes->soft)
		make_room(changes);
	struct change *change = &changes->all[changes->next++];
	change->sequence = sequence;
	change->drop = drop;
	change->kind = (uint8_t)kind;
	change->index = index & 0xffffff;
}

/* ---- keys: what the core tells while it applies ---- */

/* Is it what this very record told last? */
static bool is_last(const struct changes *changes, uint32_t drop, enum change_kind kind, uint32_t index)
{
	if (changes->next == changes->bare)
		return false;
	const struct change *last = &changes->all[changes->next - 1];
	return last->drop == drop && last->kind == kind && last->index == index;
}

/* The rows that an order's own change touched: its SKUs, and its drop. The drop's comes last, so that one record's
 * many expiries are told once as long as they are of one drop. */
static void push_order(struct changes *changes, uint64_t sequence, uint32_t drop, uint32_t line_count,
                       const struct claim_line *lines)
{
	if (is_last(changes, drop, CHANGED_FLOW, 0))
		changes->next--;
	for (uint32_t i = 0; i < line_count; i++) {
		if (!is_last(changes, drop, CHANGED_STOCK, lines[i].sku))
			push(changes, sequence, drop, CHANGED_STOCK, lines[i].sku);
	}
	push(changes, sequence, drop, CHANGED_FLOW, 0);
}

static void note_left(struct changes *changes, uint32_t drop, uint64_t order, uint64_t sequence)
{
	changes->last_left[drop] = sequence;
	if (order > changes->newest_left[drop])
		changes->newest_left[drop] = order;
}

static void order_changed(void *context, enum order_change change, uint64_t order, uint64_t sequence,
                          struct wall_ms time, const struct command *command)
{
	struct changes *changes = context;
	if (change == CHANGE_GRANTED) {
		push_order(changes, sequence, command->claim.drop, command->claim.line_count, command->claim.line);
		return;
	}
	struct order_view view;
	if (!core_order_view(changes->core, order, time, &view)) {
		/* paid after it had left: nothing that is shown has changed */
		must(change == CHANGE_REFUND_DUE || change == CHANGE_PAID_LATER);
		return;
	}
	if (change == CHANGE_LEFT)
		note_left(changes, view.drop, order, sequence);
	push_order(changes, sequence, view.drop, change == CHANGE_LEFT ? 0 : view.line_count, view.line);
}

static void push_new_drop(struct changes *changes, uint64_t sequence, uint32_t drop)
{
	struct drop_view view;
	core_drop_view(changes->core, drop, core_time(changes->core), &view);
	push(changes, sequence, drop, CHANGED_NEW, 0);
	push(changes, sequence, drop, CHANGED_TERMS, 0);
	for (uint32_t i = 0; i < view.sku_count; i++)
		push(changes, sequence, drop, CHANGED_STOCK, i);
	push(changes, sequence, drop, CHANGED_FLOW, 0);
}

static uint32_t api_key_number(const struct core *core, struct text id)
{
	struct api_key_view key;
	for (uint32_t i = 0; i < core_api_key_count(core); i++) {
		core_api_key_view(core, i, &key);
		if (text_is(key.id, id))
			return i;
	}
	must(!"an API key that was just changed is not there");
	return 0;
}

static void push_counts(struct changes *changes, uint64_t sequence, const struct command *command)
{
	if (command->counts.drop >= core_drop_count(changes->core))
		return;
	for (uint32_t i = 0; i < command->counts.count; i++)
		push(changes, sequence, command->counts.drop, CHANGED_COUNT, command->counts.of[i].verdict);
}

static void push_own(struct changes *changes, uint64_t sequence, const struct command *command,
                     const struct outcome *outcome)
{
	switch (command->kind) {
	case COMMAND_DROP_CREATE:
		push_new_drop(changes, sequence, outcome->drop);
		break;
	case COMMAND_DROP_RESTOCK:
		push(changes, sequence, outcome->drop, CHANGED_STOCK, command->drop.sku);
		break;
	case COMMAND_DROP_OPEN:
	case COMMAND_DROP_PAUSE:
	case COMMAND_DROP_RESUME:
	case COMMAND_DROP_CLOSE:
	case COMMAND_DROP_CLOSING:
	case COMMAND_DROP_ARCHIVE:
		push(changes, sequence, outcome->drop, CHANGED_TERMS, 0);
		break;
	case COMMAND_COUNTS:
		push_counts(changes, sequence, command);
		break;
	case COMMAND_KEY_CREATE:
		push(changes, sequence, NO_DROP, CHANGED_KEY_NEW, api_key_number(changes->core, command->api_key.id));
		break;
	case COMMAND_KEY_REVOKE:
		push(changes, sequence, NO_DROP, CHANGED_KEY_REVOKED,
		     api_key_number(changes->core, command->api_key.id));
		break;
	default:
		break;
	}
}

/* ---- values ---- */

static void take_drop(const struct core *core, struct change *change)
{
	struct drop_view view;
	core_drop_view(core, change->drop, core_time(core), &view);
	if (change->kind == CHANGED_TERMS)
		change->terms = view_terms_of(&view);
	else if (change->kind == CHANGED_COUNT)
		change->count = view.counts[change->index];
	else {
		change->flow = (struct view_flow){view.granted, view.left, view.last_left, view.next_due};
		change->totals = (struct view_totals){core_order_count(core), core_pending_count(core)};
	}
}

static void take_value(const struct core *core, struct change *change)
{
	struct sku_view sku;
	struct api_key_view key;
	switch ((enum change_kind)change->kind) {
	case CHANGED_NEW:
		break;
	case CHANGED_STOCK:
		core_sku_view(core, change->drop, change->index, &sku);
		change->stock = (struct view_stock){sku.stock, sku.held, sku.sold};
		break;
	case CHANGED_KEY_NEW:
	case CHANGED_KEY_REVOKED:
		core_api_key_view(core, change->index, &key);
		change->revoked = key.revoked;
		break;
	case CHANGED_TERMS:
	case CHANGED_FLOW:
	case CHANGED_COUNT:
		take_drop(core, change);
		break;
	}
}

static void take_values(struct changes *changes)
{
	for (; changes->bare < changes->next; changes->bare++)
		take_value(changes->core, &changes->all[changes->bare]);
}

void changes_end(struct changes *changes, uint64_t sequence, const struct command *command,
                 const struct outcome *outcome)
{
	if (outcome->verdict == VERDICT_DONE)
		push_own(changes, sequence, command, outcome);
	take_values(changes);
}

/* ---- showing ---- */

uint64_t changes_shown(const struct changes *changes, uint64_t durable)
{
	bool in_gap = durable >= changes->hold_from && durable < changes->hold_until;
	return in_gap ? changes->hold_from - 1 : durable;
}

static void show_key(const struct changes *changes, const struct change *change, struct views *views)
{
	struct api_key_view key;
	core_api_key_view(changes->core, change->index, &key);
	key.revoked = change->revoked;
	views_set_key(views, change->index, &key);
}

static void show(const struct changes *changes, const struct change *change, struct views *views)
{
	switch ((enum change_kind)change->kind) {
	case CHANGED_TERMS:
		views_set_terms(views, change->drop, &change->terms);
		break;
	case CHANGED_FLOW:
		views_set_flow(views, change->drop, &change->flow);
		views_set_totals(views, &change->totals);
		break;
	case CHANGED_STOCK:
		views_set_stock(views, change->drop, change->index, &change->stock);
		break;
	case CHANGED_COUNT:
		views_set_count(views, change->drop, change->index, change->count);
		break;
	case CHANGED_NEW:
		views_add_drop(views, changes->core, change->drop);
		break;
	case CHANGED_KEY_NEW:
	case CHANGED_KEY_REVOKED:
		show_key(changes, change, views);
		break;
	}
}

/* Shows what waits of one drop in a row; returns where the next one's begins. */
static uint64_t show_group(const struct changes *changes, uint64_t at, uint64_t shown, struct views *views)
{
	uint32_t drop = changes->all[at].drop;
	uint64_t end = at + GROUP_MAX < changes->next ? at + GROUP_MAX : changes->next;
	views_begin(views, drop);
	for (; at < end; at++) {
		const struct change *change = &changes->all[at];
		if (change->drop != drop || change->sequence > shown || change->kind == CHANGED_NEW)
			break;
		show(changes, change, views);
	}
	views_set_basis(views, drop, changes->all[at - 1].sequence);
	views_end(views, drop);
	return at;
}

static bool is_of_key(enum change_kind kind)
{
	return kind == CHANGED_KEY_NEW || kind == CHANGED_KEY_REVOKED;
}

void changes_publish(struct changes *changes, uint64_t durable, struct views *views)
{
	uint64_t shown = changes_shown(changes, durable), at = changes->first;
	while (at < changes->bare && changes->all[at].sequence <= shown) {
		enum change_kind kind = (enum change_kind)changes->all[at].kind;
		if (kind == CHANGED_NEW || is_of_key(kind))
			show(changes, &changes->all[at++], views);
		else
			at = show_group(changes, at, shown, views);
	}
	changes->first = at;
	if (at == changes->next)
		changes->first = changes->next = changes->bare = 0;
	if (changes->hold_until && shown >= changes->hold_until)
		changes->hold_until = changes->hold_from = 0;
	views_show_drops(views);
	views_set_position(views, shown);
}

/* ---- the whole ---- */

static void push_all_counts(struct changes *changes, const struct drop_view *view)
{
	for (unsigned verdict = 0; verdict < VERDICT_COUNT; verdict++)
		if (view->counts[verdict])
			push(changes, view->basis, view->number, CHANGED_COUNT, verdict);
}

static void push_everything(struct changes *changes)
{
	struct core *core = changes->core;
	for (uint32_t drop = 0; drop < core_drop_count(core); drop++) {
		struct drop_view view;
		core_drop_view(core, drop, core_time(core), &view);
		changes->last_left[drop] = changes->newest_left[drop] = view.last_left;
		push_new_drop(changes, view.basis, drop);
		push_all_counts(changes, &view);
	}
	for (uint32_t i = 0; i < core_api_key_count(core); i++)
		push(changes, core_sequence(core), NO_DROP, CHANGED_KEY_NEW, i);
	take_values(changes);
}

bool changes_init(struct changes *changes, struct core *core, const struct core_limits *limits)
{
	uint64_t rows = (uint64_t)limits->skus + (uint64_t)limits->drops * ROWS_OF_A_DROP +
	                (uint64_t)limits->api_keys * ROWS_OF_A_KEY;
	*changes = (struct changes){.core = core, .capacity = 2 * rows, .seen_mask = 1};
	changes->soft = changes->capacity < SOFT_AT_FIRST ? changes->capacity : SOFT_AT_FIRST;
	while (changes->seen_mask < 2 * rows)
		changes->seen_mask *= 2;
	changes->seen = calloc(changes->seen_mask--, sizeof *changes->seen);
	changes->all = calloc(changes->capacity, sizeof *changes->all);
	changes->last_left = calloc(limits->drops, sizeof *changes->last_left);
	changes->newest_left = calloc(limits->drops, sizeof *changes->newest_left);
	if (!changes->seen || !changes->all || !changes->last_left || !changes->newest_left)
		return false;
	push_everything(changes);
	core_listen(core, &(struct core_listener){.context = changes, .order_changed = order_changed});
	return true;
}

void changes_fini(struct changes *changes)
{
	if (changes->core)
		core_listen(changes->core, NULL);
	free(changes->seen);
	free(changes->all);
	free(changes->last_left);
	free(changes->newest_left);
}
