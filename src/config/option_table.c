/* SPDX-License-Identifier: MIT
 *
 * option_table.c - the table behind options.def, and how a value of each type is read. */
#include "config/option_table.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    option_shown_bytes_max = 60, /* of a bad value, in a message */
    option_items_max = 256,      /* of a LIST */
};

const struct option options[] = {
/* Rows without a variable carry the heading for those that follow. */
#define SECTION(section, heading_) {.heading = heading_},
#define OPTION(section, field, variable_, type_, fallback_, minimum_, maximum_, text_)             \
    {.variable = #variable_,                                                                       \
     .type = OPTION_##type_,                                                                       \
     .fallback = fallback_,                                                                        \
     .minimum = minimum_,                                                                          \
     .maximum = maximum_,                                                                          \
     .text = text_,                                                                                \
     .offset = offsetof(struct config, field)},
#include "config/options.def"
#undef OPTION
#undef SECTION
};
const size_t options_count = sizeof(options) / sizeof(options[0]);

/* ---- names ---- */

/* In the order of the enums of config.h and log.h. */
static const char *const did_replay_names[] = {"allow", "deny", NULL};
static const char *const engine_api_names[] = {"ollama", "openai", NULL};
static const char *const mem_backend_names[] = {"none",   "sqlite",   "weaviate",
                                                "sakana", "postgres", NULL};
static const char *const mem_when_full_names[] = {"slow", "drop", NULL};
static const char *const mem_ack_names[] = {"none", "stored", NULL};
static const char *const log_level_names[] = {"debug", "info", "warn", "error", NULL};
static const char *const log_format_names[] = {"json", "text", NULL};

const char *const *option_choices(const struct option *option)
{
    switch (option->offset) {
    case offsetof(struct config, did_replay):
        return did_replay_names;
    case offsetof(struct config, mem_backend):
        return mem_backend_names;
    case offsetof(struct config, mem_when_full):
        return mem_when_full_names;
    case offsetof(struct config, mem_ack):
        return mem_ack_names;
    case offsetof(struct config, engine_api):
        return engine_api_names;
    case offsetof(struct config, log_level):
        return log_level_names;
    case offsetof(struct config, log_format):
        return log_format_names;
    }
    abort(); /* a CHOICE without names */
}

bool option_flag(const struct option *option, char ret_flag[option_flag_bytes_max])
{
    size_t length = strlen(option->variable);
    if (option->type == OPTION_SECRET || length + 3 > option_flag_bytes_max) {
        return false;
    }
    memcpy(ret_flag, "--", 2);
    for (size_t i = 0; i <= length; i++) {
        char byte = option->variable[i];
        ret_flag[i + 2] = (char)(byte == '_'                  ? '-'
                                 : byte >= 'A' && byte <= 'Z' ? byte - 'A' + 'a'
                                                              : byte);
    }
    return true;
}

const struct option *option_find(struct slice variable)
{
    for (size_t i = 0; i < options_count; i++) {
        if (options[i].variable != NULL &&
            slice_equals(variable, slice_from_string(options[i].variable))) {
            return &options[i];
        }
    }
    return NULL;
}

/* ---- variables without effect ---- */

static const struct {
    const char *variable;
    const char *harmless;
} without_effect[WITHOUT_EFFECT_COUNT] = {
#define WITHOUT_EFFECT(variable_, harmless_) {.variable = #variable_, .harmless = harmless_},
#include "config/without_effect.def"
#undef WITHOUT_EFFECT
};

const char *config_without_effect_name(enum without_effect index)
{
    return without_effect[index].variable;
}

void option_note_without_effect(struct config *config, struct slice variable, struct slice value)
{
    for (size_t i = 0; i < WITHOUT_EFFECT_COUNT; i++) {
        if (!slice_equals(variable, slice_from_string(without_effect[i].variable))) {
            continue;
        }
        struct slice rest = slice_from_string(without_effect[i].harmless);
        struct slice item;
        bool asks = value.length > 0;
        while (slice_next_item(&rest, &item)) {
            asks = asks && !slice_equals_ignoring_case(value, item);
        }
        config->without_effect[i] = asks;
    }
}

/* ---- values ---- */

struct unit {
    const char *suffix;
    uint64_t factor;
};

/* A number and one of <units>, the last of which has no suffix. */
static bool parse_with_unit(struct slice text, const struct unit *units, uint64_t *ret)
{
    size_t digits = 0;
    uint64_t number = 0;
    while (digits < text.length && text.data[digits] >= '0' && text.data[digits] <= '9') {
        digits++;
    }
    if (!slice_parse_uint(slice_make(text.data, digits), UINT64_MAX, &number)) {
        return false;
    }
    struct slice suffix = slice_after(text, digits);
    for (;; units++) {
        if (slice_equals_ignoring_case(suffix, slice_from_string(units->suffix))) {
            return !__builtin_mul_overflow(number, units->factor, ret);
        }
        if (units->suffix[0] == '\0') {
            return false;
        }
    }
}

bool config_parse_duration(struct slice text, uint64_t *ret_ms)
{
    static const struct unit units[] = {
        {"ms", 1}, {"s", 1000}, {"m", 60 * 1000}, {"h", 60 * 60 * 1000}, {"", 1000}};
    return parse_with_unit(text, units, ret_ms);
}

bool config_parse_size(struct slice text, uint64_t *ret_bytes)
{
    static const struct unit units[] = {
        {"k", 1024}, {"m", 1024 * 1024}, {"g", 1024 * 1024 * 1024}, {"", 1}};
    return parse_with_unit(text, units, ret_bytes);
}

static bool parse_switch(struct slice text, bool *ret)
{
    static const char *const words[][2] = {
        {"false", "true"}, {"no", "yes"}, {"off", "on"}, {"0", "1"}};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        for (size_t value = 0; value < 2; value++) {
            if (slice_equals_ignoring_case(text, slice_from_string(words[i][value]))) {
                *ret = value == 1;
                return true;
            }
        }
    }
    return false;
}

static bool parse_choice(const struct option *option, struct slice text, unsigned *ret)
{
    const char *const *names = option_choices(option);
    for (unsigned i = 0; names[i] != NULL; i++) {
        if (slice_equals_ignoring_case(text, slice_from_string(names[i]))) {
            *ret = i;
            return true;
        }
    }
    return false;
}

static enum status parse_list(struct arena *arena, struct slice text, struct slice_list *ret)
{
    struct slice_list list = {0};
    struct slice item;
    for (struct slice rest = text; slice_next_item(&rest, &item);) {
        list.count++;
    }
    if (list.count > option_items_max) {
        return STATUS_LIMIT;
    }
    list.items = arena_allocate_zeroed(arena, list.count + 1, sizeof(*list.items));
    if (list.items == NULL) {
        return STATUS_NO_MEMORY;
    }
    for (size_t i = 0; slice_next_item(&text, &item); i++) {
        if (!arena_copy(arena, item, &list.items[i])) {
            return STATUS_NO_MEMORY;
        }
    }
    *ret = list;
    return STATUS_OK;
}

static bool text_is_sound(struct slice text)
{
    for (size_t i = 0; i < text.length; i++) {
        unsigned char byte = (unsigned char)text.data[i];
        if (byte < 0x20 || byte == 0x7f) {
            return false;
        }
    }
    return true;
}

/* The value in its field; STATUS_INVALID when it is none of the type. */
static enum status option_store(struct config *config, const struct option *option,
                                struct slice value)
{
    void *field = (char *)config + option->offset;
    uint64_t number = 0;
    bool good = false;
    switch (option->type) {
    case OPTION_TEXT:
    case OPTION_SECRET:
        return arena_copy(&config->arena, value, field) ? STATUS_OK : STATUS_NO_MEMORY;
    case OPTION_LIST:
        return parse_list(&config->arena, value, field);
    case OPTION_SWITCH:
        return parse_switch(value, field) ? STATUS_OK : STATUS_INVALID;
    case OPTION_CHOICE:
        return parse_choice(option, value, field) ? STATUS_OK : STATUS_INVALID;
    case OPTION_NUMBER:
        good = slice_parse_uint(value, UINT64_MAX, &number);
        break;
    case OPTION_DURATION:
        good = config_parse_duration(value, &number);
        break;
    case OPTION_SIZE:
        good = config_parse_size(value, &number);
        break;
    }
    if (!good || number < option->minimum || number > option->maximum) {
        return STATUS_INVALID;
    }
    memcpy(field, &number, sizeof(number));
    return STATUS_OK;
}

/* What would have been right. */
static void option_expect(const struct option *option, char *text, size_t size)
{
    unsigned long long minimum = option->minimum;
    unsigned long long maximum = option->maximum;
    size_t used = 0;
    text[0] = '\0';
    switch (option->type) {
    case OPTION_TEXT:
    case OPTION_SECRET:
        snprintf(text, size, "a text without control characters");
        return;
    case OPTION_LIST:
        snprintf(text, size, "a list of at most %d items joined by commas", option_items_max);
        return;
    case OPTION_SWITCH:
        snprintf(text, size, "true or false");
        return;
    case OPTION_NUMBER:
        snprintf(text, size, "a whole number from %llu to %llu", minimum, maximum);
        return;
    case OPTION_DURATION:
        snprintf(text, size, "a duration such as 500ms, 10s, 5m or 1h, from %llums to %llus",
                 minimum, maximum / 1000);
        return;
    case OPTION_SIZE:
        snprintf(text, size, "a size such as 64k, 32m or 1g, from %llu to %llu bytes", minimum,
                 maximum);
        return;
    case OPTION_CHOICE:
        for (const char *const *name = option_choices(option); *name != NULL; name++) {
            int count = snprintf(text + used, size - used, "%s%s", used == 0 ? "" : " or ", *name);
            used += count > 0 && (size_t)count < size - used ? (size_t)count : 0;
        }
        return;
    }
}

/* The beginning of a bad value, without what would break a line or speak to a terminal. */
static void option_show(struct slice value, char text[option_shown_bytes_max + 4])
{
    bool is_cut = value.length > option_shown_bytes_max;
    size_t length = is_cut ? option_shown_bytes_max : value.length;
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)value.data[i];
        text[i] = byte < 0x20 || byte == 0x7f ? '?' : value.data[i];
    }
    memcpy(text + length, is_cut ? "..." : "", is_cut ? 4 : 1);
}

enum status option_set(struct config *config, const struct option *option, struct slice value,
                       const char *origin, struct failure *reterr)
{
    char expected[100] = "a text without control characters";
    char shown[option_shown_bytes_max + 4];
    bool is_secret = option->type == OPTION_SECRET;
    if (value.length == 0) {
        value = slice_from_string(option->fallback);
    }
    bool is_sound = text_is_sound(value);
    enum status status = is_sound ? option_store(config, option, value) : STATUS_INVALID;
    if (status == STATUS_OK) {
        return STATUS_OK;
    }
    if (status == STATUS_NO_MEMORY) {
        failure_set(reterr, "%s (%s): no memory, or too much text in all options together",
                    option->variable, origin);
        return status;
    }
    if (is_sound) {
        option_expect(option, expected, sizeof(expected));
    }
    option_show(is_secret ? SLICE("(not shown)") : value, shown);
    failure_set(reterr, "%s (%.60s): \"%s\" is not %s", option->variable, origin, shown, expected);
    return STATUS_INVALID;
}
