/* SPDX-License-Identifier: MIT
 *
 * agent_card_test.c - one card for clients of every version, the same bytes each time. */
#include "a2a/agent_card.h"

#include "base/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

struct scene {
    struct config config;
    struct slice agents[1];
    struct slice issuers[1];
    struct targets *targets;
    struct agent_card_settings settings;
};

static int scene_open(void **state)
{
    static struct scene scene;
    scene = (struct scene){0};
    scene.agents[0] = SLICE("coder=http://127.0.0.1:8101/run");
    scene.issuers[0] = SLICE("https://id.test/");
    scene.config.engine_url = SLICE("http://127.0.0.1:11434");
    scene.config.a2a_agents = (struct slice_list){scene.agents, 1};
    assert_int_equal(targets_create(&scene.config, &scene.targets, NULL), STATUS_OK);
    scene.settings = (struct agent_card_settings){.public_url = SLICE("https://gate.test"),
                                                  .issuers = {scene.issuers, 1}};
    *state = &scene;
    return 0;
}

static int scene_close(void **state)
{
    struct scene *scene = *state;
    targets_free(scene->targets);
    return 0;
}

static struct json_value card_make(struct scene *scene, const char *agent, struct buffer *buffer)
{
    struct json_value card;
    buffer_init(buffer, agent_card_bytes_max);
    agent_card_append(&scene->settings, scene->targets,
                      targets_agent(scene->targets, slice_from_string(agent)), buffer);
    assert_false(buffer->failed);
    assert_int_equal(json_parse(buffer_slice(buffer), JSON_DUPLICATES_REFUSED, &card, NULL),
                     STATUS_OK);
    return card;
}

static struct json_value at(struct json_value array, size_t index)
{
    struct json_walk walk = json_walk_begin(array);
    struct json_value value = {0};
    for (size_t i = 0; i <= index; i++) {
        assert_true(json_walk_next(&walk, NULL, &value));
    }
    return value;
}

static void both_generations_find_what_they_require(void **state)
{
    static const char *const required[] = {
        "name",         "description",     "version",           "supportedInterfaces",
        "capabilities", "skills",          "defaultInputModes", "defaultOutputModes",
        "url",          "protocolVersion", "preferredTransport"};
    struct scene *scene = *state;
    struct buffer buffer;
    struct json_value card = card_make(scene, NULL, &buffer);
    for (size_t i = 0; i < sizeof(required) / sizeof(required[0]); i++) {
        if (json_member(card, required[i]).kind == JSON_ABSENT) {
            fail_msg("no %s", required[i]);
        }
    }
    struct json_value first = at(json_member(card, "supportedInterfaces"), 0);
    assert_true(json_string_is(json_member(first, "url"), "https://gate.test/a2a"));
    assert_true(json_string_is(json_member(first, "protocolBinding"), "JSONRPC"));
    assert_true(json_string_is(json_member(first, "protocolVersion"), "1.0"));
    struct json_value rest = at(json_member(card, "supportedInterfaces"), 1);
    assert_true(json_string_is(json_member(rest, "url"), "https://gate.test/a2a/rest"));
    assert_true(json_string_is(json_member(card, "url"), "https://gate.test/a2a"));
    struct json_value oidc = json_member(json_member(card, "securitySchemes"), "oidc");
    assert_true(json_string_is(json_member(oidc, "openIdConnectUrl"),
                               "https://id.test/.well-known/openid-configuration"));
    assert_true(json_string_is(json_member(at(json_member(card, "skills"), 1), "id"), "coder"));
    buffer_clear(&buffer);
}

static void an_agent_has_a_card_of_its_own(void **state)
{
    struct scene *scene = *state;
    struct buffer buffer;
    struct json_value card = card_make(scene, "coder", &buffer);
    assert_true(json_string_is(json_member(card, "name"), "coder"));
    assert_true(json_string_is(json_member(card, "url"), "https://gate.test/a2a/agents/coder"));
    /* where it really is, is nobody's business */
    assert_null(memmem(buffer.data, buffer.length, "8101", 4));
    buffer_clear(&buffer);
}

static void capabilities_are_honest(void **state)
{
    struct scene *scene = *state;
    struct buffer buffer;
    struct json_value capabilities = json_member(card_make(scene, NULL, &buffer), "capabilities");
    assert_int_equal(json_member(capabilities, "pushNotifications").kind, JSON_FALSE);
    assert_int_equal(json_member(capabilities, "streaming").kind, JSON_TRUE);
    buffer_clear(&buffer);
    scene->settings.takes_push = true;
    capabilities = json_member(card_make(scene, NULL, &buffer), "capabilities");
    assert_int_equal(json_member(capabilities, "pushNotifications").kind, JSON_TRUE);
    buffer_clear(&buffer);
}

static void the_etag_follows_the_bytes(void **state)
{
    struct scene *scene = *state;
    struct buffer first, second;
    char etags[3][agent_card_etag_bytes];
    (void)card_make(scene, NULL, &first);
    (void)card_make(scene, NULL, &second);
    agent_card_etag(buffer_slice(&first), etags[0]);
    agent_card_etag(buffer_slice(&second), etags[1]);
    assert_string_equal(etags[0], etags[1]);
    assert_int_equal(strlen(etags[0]), 22);
    assert_true(etags[0][0] == '"' && etags[0][21] == '"');
    buffer_clear(&second);
    scene->settings.public_url = SLICE("https://other.test");
    (void)card_make(scene, NULL, &second);
    agent_card_etag(buffer_slice(&second), etags[2]);
    assert_string_not_equal(etags[0], etags[2]);
    buffer_clear(&first);
    buffer_clear(&second);
}

int main(void)
{
#define WITH_SCENE(test) cmocka_unit_test_setup_teardown(test, scene_open, scene_close)
    const struct CMUnitTest tests[] = {
        WITH_SCENE(both_generations_find_what_they_require),
        WITH_SCENE(an_agent_has_a_card_of_its_own),
        WITH_SCENE(capabilities_are_honest),
        WITH_SCENE(the_etag_follows_the_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
