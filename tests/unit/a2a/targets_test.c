/* SPDX-License-Identifier: MIT
 *
 * targets_test.c - which targets may be called, in every spelling that somebody might try. */
#include "a2a/targets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

struct scene {
    struct config config;
    struct slice agents[8];
    struct slice patterns[16];
    struct slice workflows[4];
    struct targets *targets;
    struct arena arena;
};

static size_t fill(struct slice *items, const char *const *texts)
{
    size_t count = 0;
    for (; texts[count] != NULL; count++) {
        items[count] = slice_from_string(texts[count]);
    }
    return count;
}

static const char *const default_agents[] = {"planner=http://127.0.0.1:8100/api/chat",
                                             "coder=https://coder.test/run;idempotent",
                                             "friend=http://friend.test/a2a?key=1;a2a;idempotent",
                                             "modern=http://[fd00::5]:9/;a2a=1.0", NULL};
static const char *const default_patterns[] = {"https://tools.test/exact",
                                               "https://tools.test:8443/api/*",
                                               "http://10.1.2.3/*",
                                               "http://[fd00::1]/x",
                                               "http://localhost:8200/*",
                                               "http://tools.test/deep/a%20b",
                                               NULL};
static const char *const default_workflows[] = {"ProcessChat", "v2.Plan", NULL};

static void scene_set(struct scene *scene, const char *const *agents, const char *const *patterns)
{
    *scene = (struct scene){0};
    scene->config.engine_url = SLICE("http://localhost:11434");
    scene->config.a2a_agents = (struct slice_list){scene->agents, fill(scene->agents, agents)};
    scene->config.a2a_targets =
        (struct slice_list){scene->patterns, fill(scene->patterns, patterns)};
    scene->config.a2a_workflows =
        (struct slice_list){scene->workflows, fill(scene->workflows, default_workflows)};
    arena_init(&scene->arena, 1024 * 1024);
}

static void scene_open(struct scene *scene)
{
    struct failure failure = {""};
    scene_set(scene, default_agents, default_patterns);
    if (targets_create(&scene->config, &scene->targets, &failure) != STATUS_OK) {
        fail_msg("%s", failure.text);
    }
}

static void scene_close(struct scene *scene)
{
    targets_free(scene->targets);
    arena_clear(&scene->arena);
}

static const struct {
    const char *url;
    enum task_target_kind kind; /* TASK_TARGET_NOBODY: denied */
} urls[] = {
    /* registered */
    {"http://127.0.0.1:8100/api/chat", TASK_TARGET_AGENT},
    {"HTTP://127.0.0.1:8100/api/chat", TASK_TARGET_AGENT},
    {"https://coder.test/run", TASK_TARGET_AGENT},
    {"https://CODER.test:443/run", TASK_TARGET_AGENT},
    {"http://friend.test/a2a?key=1", TASK_TARGET_AGENT},
    {"http://[fd00::5]:9/", TASK_TARGET_AGENT},
    {"http://[FD00:0:0::5]:9", TASK_TARGET_AGENT},
    {"http://127.0.0.1:8100/api/chat/", TASK_TARGET_NOBODY},
    {"http://127.0.0.1:8100/api/chat?x=1", TASK_TARGET_NOBODY},
    {"http://127.0.0.1:8101/api/chat", TASK_TARGET_NOBODY},
    {"http://127.0.0.1/api/chat", TASK_TARGET_NOBODY},
    {"https://127.0.0.1:8100/api/chat", TASK_TARGET_NOBODY},
    {"http://127.0.0.1:8100/api/Chat", TASK_TARGET_NOBODY},
    {"http://friend.test/a2a", TASK_TARGET_NOBODY},
    {"http://friend.test/a2a?key=2", TASK_TARGET_NOBODY},
    /* the same address in other clothes */
    {"http://localhost:8100/api/chat", TASK_TARGET_NOBODY},
    {"http://127.1:8100/api/chat", TASK_TARGET_NOBODY},
    {"http://127.0.0.1.:8100/api/chat", TASK_TARGET_NOBODY},
    {"http://0x7f000001:8100/api/chat", TASK_TARGET_NOBODY},
    {"http://0x7f.0.0.1:8100/api/chat", TASK_TARGET_NOBODY},
    {"http://2130706433:8100/api/chat", TASK_TARGET_NOBODY},
    {"http://017700000001:8100/api/chat", TASK_TARGET_NOBODY},
    {"http://0177.0.0.1:8100/api/chat", TASK_TARGET_NOBODY},
    {"http://[::ffff:127.0.0.1]:8100/api/chat", TASK_TARGET_NOBODY},
    {"http://[::1]:8100/api/chat", TASK_TARGET_NOBODY},
    {"http://[::127.0.0.1]:8100/api/chat", TASK_TARGET_NOBODY},
    {"http://user@127.0.0.1:8100/api/chat", TASK_TARGET_NOBODY},
    {"http://127.0.0.1:8100@evil.test/api/chat", TASK_TARGET_NOBODY},
    {"http://evil.test#@127.0.0.1:8100/api/chat", TASK_TARGET_NOBODY},
    {"http://127.0.0.1:8100\\@evil.test/api/chat", TASK_TARGET_NOBODY},
    /* metadata and link-local, however they are spelled */
    {"http://169.254.169.254/latest/meta-data/", TASK_TARGET_NOBODY},
    {"http://[fe80::1]/", TASK_TARGET_NOBODY},
    {"http://[fe80::1%25eth0]/", TASK_TARGET_NOBODY},
    {"http://[::ffff:169.254.169.254]/", TASK_TARGET_NOBODY},
    {"http://[64:ff9b::a9fe:a9fe]/", TASK_TARGET_NOBODY},
    {"http://metadata.google.internal/", TASK_TARGET_NOBODY},
    {"http://0.0.0.0:11434/api/chat", TASK_TARGET_NOBODY},
    {"http://0:11434/api/chat", TASK_TARGET_NOBODY},
    {"http://[::]:11434/api/chat", TASK_TARGET_NOBODY},
    /* the engine */
    {"http://localhost:11434", TASK_TARGET_ENGINE},
    {"http://localhost:11434/", TASK_TARGET_ENGINE},
    {"http://localhost:11434/api/chat", TASK_TARGET_ENGINE},
    {"http://localhost:11434/api/generate", TASK_TARGET_NOBODY},
    {"http://localhost:11434/api/chat?x", TASK_TARGET_NOBODY},
    {"http://localhost:11434/v1/chat/completions", TASK_TARGET_NOBODY},
    {"http://localhost.evil.test:11434/api/chat", TASK_TARGET_NOBODY},
    /* A2A_TARGETS */
    {"https://tools.test/exact", TASK_TARGET_URL},
    {"https://tools.test/exact?q=1", TASK_TARGET_URL},
    {"https://tools.test/exact/more", TASK_TARGET_NOBODY},
    {"https://tools.test/exac", TASK_TARGET_NOBODY},
    {"https://tools.test", TASK_TARGET_NOBODY},
    {"https://tools.test:8443/api/a/b", TASK_TARGET_URL},
    {"https://tools.test:8443/api/", TASK_TARGET_URL},
    {"https://tools.test:8443/api", TASK_TARGET_NOBODY},
    {"https://tools.test:8443/apiary", TASK_TARGET_NOBODY},
    {"https://tools.test:8443/api/../admin", TASK_TARGET_NOBODY},
    {"https://tools.test:8443/api/%2e%2e/admin", TASK_TARGET_NOBODY},
    {"https://tools.test:8443/api/..;/admin", TASK_TARGET_NOBODY},
    {"https://tools.test:8443/api/%2fadmin", TASK_TARGET_NOBODY},
    {"https://tools.test:8443/api//admin", TASK_TARGET_NOBODY},
    {"https://tools.test:8443\\api/", TASK_TARGET_NOBODY},
    {"https://tools.test.evil.test:8443/api/x", TASK_TARGET_NOBODY},
    {"https://tools.test:08443/api/x", TASK_TARGET_URL},
    {"https://tools.test:84430/api/x", TASK_TARGET_NOBODY},
    {"http://10.1.2.3/anything", TASK_TARGET_URL},
    {"http://10.1.2.3:80/anything", TASK_TARGET_URL},
    {"http://10.1.2.4/anything", TASK_TARGET_NOBODY},
    {"http://10.66051/anything", TASK_TARGET_NOBODY},
    {"http://[::ffff:10.1.2.3]/anything", TASK_TARGET_NOBODY},
    {"http://[fd00:0::1]/x", TASK_TARGET_URL},
    {"http://[fd00::1]/y", TASK_TARGET_NOBODY},
    {"http://localhost:8200/x", TASK_TARGET_URL},
    {"http://127.0.0.1:8200/x", TASK_TARGET_NOBODY},
    {"http://tools.test/deep/a%20b", TASK_TARGET_URL},
    {"http://tools.test/deep/a b", TASK_TARGET_NOBODY},
    /* schemes, and what is no URL at all */
    {"temporal://ProcessChat", TASK_TARGET_WORKFLOW},
    {"TEMPORAL://v2.Plan", TASK_TARGET_WORKFLOW},
    {"temporal://processchat", TASK_TARGET_NOBODY},
    {"temporal://ProcessChat/", TASK_TARGET_NOBODY},
    {"temporal://", TASK_TARGET_NOBODY},
    {"temporal:ProcessChat", TASK_TARGET_NOBODY},
    {"file:///etc/passwd", TASK_TARGET_NOBODY},
    {"gopher://127.0.0.1:8100/api/chat", TASK_TARGET_NOBODY},
    {"ftp://tools.test/exact", TASK_TARGET_NOBODY},
    {"//tools.test/exact", TASK_TARGET_NOBODY},
    {"/api/chat", TASK_TARGET_NOBODY},
    {"planner", TASK_TARGET_NOBODY},
    {" https://tools.test/exact", TASK_TARGET_NOBODY},
    {"https://tools.test/exact ", TASK_TARGET_NOBODY},
    {"https://tools.test/exact\r\nX: y", TASK_TARGET_NOBODY},
    {"https://tools.test/exact#x", TASK_TARGET_NOBODY},
    {"https://tools.test:0/exact", TASK_TARGET_NOBODY},
    {"https://tools.test:65536/exact", TASK_TARGET_NOBODY},
    {"https://", TASK_TARGET_NOBODY},
    {"https:///exact", TASK_TARGET_NOBODY},
    {"https://tools_.test/exact", TASK_TARGET_NOBODY},
    {"https://t\xc3\xb6ols.test/exact", TASK_TARGET_NOBODY},
};

static void every_url_is_decided(void **state)
{
    struct scene scene;
    scene_open(&scene);
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        struct task_target target = {0};
        struct failure failure = {""};
        enum status status =
            targets_choose(scene.targets, (struct slice){0}, slice_from_string(urls[i].url),
                           &scene.arena, &target, &failure);
        enum status expected = urls[i].kind == TASK_TARGET_NOBODY ? STATUS_DENIED : STATUS_OK;
        if (status != expected || target.kind != urls[i].kind) {
            fail_msg("%s: status %s, kind %d", urls[i].url, status_name(status), (int)target.kind);
        }
        assert_true(status == STATUS_OK || failure.text[0] != '\0');
    }
    scene_close(&scene);
}

static struct task_target choose(struct scene *scene, const char *name, const char *url)
{
    struct task_target target = {0};
    assert_int_equal(targets_choose(scene->targets, slice_from_string(name), slice_from_string(url),
                                    &scene->arena, &target, NULL),
                     STATUS_OK);
    return target;
}

static void the_address_policy_goes_with_the_list(void **state)
{
    struct scene scene;
    scene_open(&scene);
    assert_int_equal(choose(&scene, "planner", NULL).address_policy, ADDRESS_PRIVATE_ALLOWED);
    assert_int_equal(choose(&scene, "coder", NULL).address_policy, ADDRESS_PRIVATE_ALLOWED);
    assert_int_equal(choose(&scene, NULL, NULL).address_policy, ADDRESS_PRIVATE_ALLOWED);
    assert_int_equal(choose(&scene, NULL, "http://10.1.2.3/x").address_policy,
                     ADDRESS_PRIVATE_ALLOWED);
    assert_int_equal(choose(&scene, NULL, "http://[fd00::1]/x").address_policy,
                     ADDRESS_PRIVATE_ALLOWED);
    assert_int_equal(choose(&scene, NULL, "http://localhost:8200/x").address_policy,
                     ADDRESS_PRIVATE_ALLOWED);
    assert_int_equal(choose(&scene, NULL, "https://tools.test/exact").address_policy,
                     ADDRESS_PUBLIC_ONLY);
    assert_int_equal(choose(&scene, NULL, "https://tools.test:8443/api/x").address_policy,
                     ADDRESS_PUBLIC_ONLY);
    scene_close(&scene);
}

static void agents_are_found_by_name(void **state)
{
    struct scene scene;
    struct task_target target = {0};
    struct failure failure = {""};
    scene_open(&scene);
    target = choose(&scene, "friend", NULL);
    assert_int_equal(target.kind, TASK_TARGET_AGENT);
    assert_int_equal(target.protocol, PROTOCOL_A2A_LEGACY);
    assert_true(target.is_idempotent);
    assert_string_equal(target.url.data, "http://friend.test/a2a?key=1");
    assert_int_equal(choose(&scene, "modern", NULL).protocol, PROTOCOL_A2A_CURRENT);
    assert_false(choose(&scene, "planner", NULL).is_idempotent);
    assert_true(choose(&scene, NULL, "temporal://ProcessChat").is_idempotent);
    assert_string_equal(choose(&scene, NULL, NULL).url.data, "http://localhost:11434/api/chat");
    assert_int_equal(targets_choose(scene.targets, SLICE("Planner"), (struct slice){0},
                                    &scene.arena, &target, &failure),
                     STATUS_NOT_FOUND);
    assert_int_equal(targets_choose(scene.targets, SLICE("planner"), SLICE("http://x.test/"),
                                    &scene.arena, &target, &failure),
                     STATUS_INVALID);
    size_t count = 0;
    assert_true(slice_equals(targets_agents(scene.targets, &count)[1].name, SLICE("coder")));
    assert_int_equal(count, 4);
    scene_close(&scene);
}

/* A token's chain takes 128 bytes of a name; a URL may have 2048. */
static void a_url_is_named_by_its_origin(void **state)
{
    static const char *const none[] = {NULL};
    static const char *const patterns[] = {"https://Tools.test/a/*", "http://[fd00::1]:8200/x",
                                           NULL};
    char url[512] = "https://tools.TEST/a/";
    struct scene scene;
    scene_set(&scene, none, patterns);
    assert_int_equal(targets_create(&scene.config, &scene.targets, NULL), STATUS_OK);
    memset(url + strlen(url), 'x', 300);
    struct task_target target = choose(&scene, NULL, url);
    assert_true(slice_equals(target.name, SLICE("https://tools.test:443")));
    assert_string_equal(target.url.data, url);
    target = choose(&scene, NULL, "http://[FD00:0::1]:8200/x");
    assert_true(slice_equals(target.name, SLICE("http://[fd00::1]:8200")));
    scene_close(&scene);
}

static void the_chat_route_follows_the_engine(void **state)
{
    struct scene scene;
    static const char *const none[] = {NULL};
    scene_set(&scene, none, none);
    scene.config.engine_url = SLICE("https://engine.test:8000/");
    scene.config.engine_api = ENGINE_API_OPENAI;
    assert_int_equal(targets_create(&scene.config, &scene.targets, NULL), STATUS_OK);
    assert_string_equal(choose(&scene, NULL, NULL).url.data,
                        "https://engine.test:8000/v1/chat/completions");
    assert_int_equal(choose(&scene, NULL, "https://engine.test:8000").kind, TASK_TARGET_ENGINE);
    scene_close(&scene);
}

/* Too long for a token's chain of agents. */
#define TEN "abcdefghi."
#define LONG_HOST TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN "test"

static void bad_entries_are_named(void **state)
{
    static const struct {
        const char *agent, *pattern, *says;
    } cases[] = {
        {"planner", NULL, "A2A_AGENTS: \"planner\""},
        {"=http://x.test/", NULL, "A2A_AGENTS: \"=http"},
        {"a b=http://x.test/", NULL, "name=url"},
        {"a=ftp://x.test/", NULL, "http://"},
        {"a=http://x.test/;fast", NULL, ";idempotent"},
        {"a=http://x.test/;", NULL, ";idempotent"},
        {"a=http://x.test/../y", NULL, "dot segment"},
        {"a=http://169.254.169.254/", NULL, "never called"},
        {"a=http://[fe80::1]/", NULL, "never called"},
        {"a=http://[::ffff:169.254.169.254]/", NULL, "never called"},
        {"a=http://0x7f.1/", NULL, "only some"},
        {"a=http://x.test?y", NULL, "query without a path"},
        {NULL, "http://x.test/a?b", "A2A_TARGETS: \"http://x.test/a?b\""},
        {NULL, "http://*.test/", "A2A_TARGETS"},
        {NULL, "http://x.test/a*", "A2A_TARGETS"},
        {NULL, "*", "A2A_TARGETS: \"*\""},
        {"a=http://user:secret@x.test/", NULL, "A2A_AGENTS: \"(not shown)\": "},
        {"user:secret@x.test", NULL, "A2A_AGENTS: \"(not shown)\": "},
        {NULL, "http://user:secret@x.test/", "A2A_TARGETS: \"(not shown)\": "},
        {NULL, "http://" LONG_HOST "/", "more than 128 bytes"},
        {NULL, "http://169.254.169.254/*", "never called"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct scene scene;
        struct failure failure = {""};
        const char *const agents[] = {cases[i].agent, NULL};
        const char *const patterns[] = {cases[i].pattern, NULL};
        scene_set(&scene, agents, patterns);
        if (targets_create(&scene.config, &scene.targets, &failure) != STATUS_INVALID ||
            strstr(failure.text, cases[i].says) == NULL) {
            fail_msg("case %zu says \"%s\"", i, failure.text);
        }
        scene_close(&scene);
    }
}

static void names_are_given_once_and_lists_have_ends(void **state)
{
    static const char *const twice[] = {"a=http://x.test/", "a=http://y.test/", NULL};
    static const char *const none[] = {NULL};
    static struct slice many[targets_patterns_max + 1];
    struct scene scene;
    struct failure failure = {""};
    scene_set(&scene, twice, none);
    assert_int_equal(targets_create(&scene.config, &scene.targets, &failure), STATUS_INVALID);
    assert_non_null(strstr(failure.text, "twice"));
    for (size_t i = 0; i <= targets_patterns_max; i++) {
        many[i] = SLICE("http://x.test/");
    }
    scene_set(&scene, none, none);
    scene.config.a2a_targets = (struct slice_list){many, targets_patterns_max + 1};
    assert_int_equal(targets_create(&scene.config, &scene.targets, &failure), STATUS_INVALID);
    assert_non_null(strstr(failure.text, "A2A_TARGETS: more than"));
    scene_set(&scene, none, none);
    scene.workflows[0] = SLICE("no spaces");
    assert_int_equal(targets_create(&scene.config, &scene.targets, &failure), STATUS_INVALID);
    assert_non_null(strstr(failure.text, "A2A_WORKFLOWS"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_url_is_decided),
        cmocka_unit_test(the_address_policy_goes_with_the_list),
        cmocka_unit_test(agents_are_found_by_name),
        cmocka_unit_test(a_url_is_named_by_its_origin),
        cmocka_unit_test(the_chat_route_follows_the_engine),
        cmocka_unit_test(bad_entries_are_named),
        cmocka_unit_test(names_are_given_once_and_lists_have_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
