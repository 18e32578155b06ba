/* SPDX-License-Identifier: MIT
 *
 * mint_test.c - the local key on disk, who may read it, who agrees on it, and that its tokens
 * prove their user. Each test has a directory of its own. */
#include "auth/mint.h"

#include "auth/verify.h"
#include "base/base64url.h"
#include "base/json.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define NOW INT64_C(1700000000)

struct scene {
    char root[64];
    char directory[96]; /* <root>/state/data: mint_open makes the last two */
    char key_file[128];
};

static void scene_begin(struct scene *scene)
{
    snprintf(scene->root, sizeof(scene->root), "/tmp/mint_test.XXXXXX");
    assert_non_null(mkdtemp(scene->root));
    snprintf(scene->directory, sizeof(scene->directory), "%.60s/state/data", scene->root);
    snprintf(scene->key_file, sizeof(scene->key_file), "%.90s/local-key.pem", scene->directory);
}

static void scene_end(struct scene *scene)
{
    char parent[80];
    snprintf(parent, sizeof(parent), "%.60s/state", scene->root);
    (void)unlink(scene->key_file);
    (void)rmdir(scene->directory);
    (void)rmdir(parent);
    assert_int_equal(rmdir(scene->root), 0); /* no file of ours is left over */
}

static struct mint *mint_of(const struct scene *scene)
{
    struct mint *mint = NULL;
    struct failure failure = {""};
    if (mint_open(scene->directory, &mint, &failure) != STATUS_OK) {
        fail_msg("%s", failure.text);
    }
    return mint;
}

static void refused(const struct scene *scene, enum status status)
{
    struct mint *mint = NULL;
    struct failure failure = {""};
    assert_int_equal(mint_open(scene->directory, &mint, &failure), status);
    assert_null(mint);
    assert_true(failure.text[0] != '\0');
}

static unsigned mode_of(const char *path)
{
    struct stat about;
    assert_int_equal(lstat(path, &about), 0);
    return about.st_mode & 07777;
}

static void file_write(const char *path, const char *text, unsigned mode)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static struct buffer jwks_of(const struct mint *mint)
{
    struct buffer json;
    buffer_init(&json, 4096);
    mint_append_jwks(mint, &json);
    assert_false(json.failed);
    return json;
}

static void assert_same_key(const struct mint *a, const struct mint *b)
{
    struct buffer a_json = jwks_of(a);
    struct buffer b_json = jwks_of(b);
    assert_true(slice_equals(buffer_slice(&a_json), buffer_slice(&b_json)));
    buffer_clear(&a_json);
    buffer_clear(&b_json);
}

static void a_key_is_made_for_its_owner_alone(void **state)
{
    struct scene scene;
    char parent[80];
    scene_begin(&scene);
    mode_t before = umask(0); /* whatever the umask lets through */
    mint_free(mint_of(&scene));
    umask(before);
    snprintf(parent, sizeof(parent), "%.60s/state", scene.root);
    assert_int_equal(mode_of(parent), 0700);
    assert_int_equal(mode_of(scene.directory), 0700);
    assert_int_equal(mode_of(scene.key_file), 0600);
    scene_end(&scene);
    mint_free(NULL);
}

static void a_reopened_key_is_the_same(void **state)
{
    struct scene scene;
    scene_begin(&scene);
    struct mint *first = mint_of(&scene);
    struct mint *second = mint_of(&scene);
    assert_same_key(first, second);
    mint_free(first);
    mint_free(second);
    scene_end(&scene);
}

static void two_directories_have_two_keys(void **state)
{
    struct scene scenes[2];
    struct mint *mints[2];
    struct buffer json[2];
    for (size_t i = 0; i < 2; i++) {
        scene_begin(&scenes[i]);
        mints[i] = mint_of(&scenes[i]);
        json[i] = jwks_of(mints[i]);
    }
    assert_false(slice_equals(buffer_slice(&json[0]), buffer_slice(&json[1])));
    for (size_t i = 0; i < 2; i++) {
        buffer_clear(&json[i]);
        mint_free(mints[i]);
        scene_end(&scenes[i]);
    }
}

static void a_key_that_others_may_touch_is_refused(void **state)
{
    static const unsigned modes[] = {0640, 0604, 0620, 0602, 0601, 0610, 0666, 0777};
    struct scene scene;
    scene_begin(&scene);
    mint_free(mint_of(&scene));
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        assert_int_equal(chmod(scene.key_file, modes[i]), 0);
        refused(&scene, STATUS_DENIED);
        assert_int_equal(mode_of(scene.key_file), modes[i]); /* it is not for us to mend */
    }
    assert_int_equal(chmod(scene.key_file, 0400), 0);
    mint_free(mint_of(&scene));
    scene_end(&scene);
}

static void what_is_no_key_is_refused_and_kept(void **state)
{
    static const char x25519[] = /* an X25519 key: PEM, private, of no use for signing */
        "-----BEGIN PRIVATE KEY-----\n"
        "MC4CAQAwBQYDK2VuBCIEIAgHBgUEAwIBAAECAwQFBgcICQoLDA0ODxAREhMUFRYX\n"
        "-----END PRIVATE KEY-----\n";
    static const char *const texts[] = {
        "", "no key\n", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", x25519};
    struct scene scene;
    scene_begin(&scene);
    mint_free(mint_of(&scene));
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct stat about;
        file_write(scene.key_file, texts[i], 0600);
        refused(&scene, STATUS_INVALID);
        assert_int_equal(stat(scene.key_file, &about), 0);
        assert_int_equal(about.st_size, strlen(texts[i]));
    }
    scene_end(&scene);
}

static void the_key_is_a_file_and_nothing_else(void **state)
{
    struct scene scene;
    char elsewhere[96];
    scene_begin(&scene);
    mint_free(mint_of(&scene));
    snprintf(elsewhere, sizeof(elsewhere), "%.60s/elsewhere", scene.root);
    assert_int_equal(rename(scene.key_file, elsewhere), 0);
    assert_int_equal(symlink(elsewhere, scene.key_file), 0);
    refused(&scene, STATUS_IO);
    assert_int_equal(unlink(scene.key_file), 0);
    assert_int_equal(unlink(elsewhere), 0);
    assert_int_equal(mkdir(scene.key_file, 0700), 0);
    refused(&scene, STATUS_DENIED);
    assert_int_equal(rmdir(scene.key_file), 0);
    assert_int_equal(mkfifo(scene.key_file, 0600), 0); /* opening it must not wait for a writer */
    refused(&scene, STATUS_DENIED);
    scene_end(&scene);
}

static void a_directory_that_cannot_be_is_told(void **state)
{
    struct scene scene;
    char file[96];
    char name[5000];
    scene_begin(&scene);
    snprintf(file, sizeof(file), "%.60s/state", scene.root);
    file_write(file, "", 0600);
    refused(&scene, STATUS_IO);
    assert_int_equal(unlink(file), 0);
    struct mint *mint = NULL;
    struct failure failure = {""};
    assert_int_equal(mint_open("", &mint, &failure), STATUS_INVALID);
    memset(name, 'a', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    assert_int_equal(mint_open(name, &mint, &failure), STATUS_INVALID);
    scene_end(&scene);
}

/* ---- who starts together agrees ---- */

enum { starters = 8 };

struct starter {
    const struct scene *scene;
    pthread_barrier_t *barrier;
    pthread_t thread;
    struct mint *mint;
};

static void *starter_run(void *argument)
{
    struct starter *starter = argument;
    struct failure failure;
    pthread_barrier_wait(starter->barrier);
    if (mint_open(starter->scene->directory, &starter->mint, &failure) != STATUS_OK) {
        starter->mint = NULL;
    }
    return NULL;
}

static void threads_that_start_together_agree(void **state)
{
    for (size_t round = 0; round < 10; round++) {
        struct scene scene;
        struct starter list[starters];
        pthread_barrier_t barrier;
        scene_begin(&scene);
        assert_int_equal(pthread_barrier_init(&barrier, NULL, starters), 0);
        for (size_t i = 0; i < starters; i++) {
            list[i] = (struct starter){.scene = &scene, .barrier = &barrier};
            assert_int_equal(pthread_create(&list[i].thread, NULL, starter_run, &list[i]), 0);
        }
        for (size_t i = 0; i < starters; i++) {
            pthread_join(list[i].thread, NULL);
            assert_non_null(list[i].mint);
            assert_same_key(list[0].mint, list[i].mint);
        }
        for (size_t i = 0; i < starters; i++) {
            mint_free(list[i].mint);
        }
        pthread_barrier_destroy(&barrier);
        scene_end(&scene);
    }
}

/* A process of its own: opens the key once <gate> is closed by its parent, and tells the key. */
static void process_run(const struct scene *scene, int gate, int answer)
{
    struct mint *mint = NULL;
    struct buffer json;
    char byte;
    buffer_init(&json, 4096);
    ssize_t end = read(gate, &byte, 1);
    if (end == 0 && mint_open(scene->directory, &mint, NULL) == STATUS_OK) {
        mint_append_jwks(mint, &json);
        (void)!write(answer, json.data, json.length);
    }
    buffer_clear(&json);
    mint_free(mint);
    _exit(0);
}

static void processes_that_start_together_agree(void **state)
{
    struct scene scene;
    int gate[2];
    int answers[starters][2];
    pid_t children[starters];
    char first[1024] = "";
    scene_begin(&scene);
    assert_int_equal(pipe(gate), 0);
    for (size_t i = 0; i < starters; i++) {
        assert_int_equal(pipe(answers[i]), 0);
        children[i] = fork();
        assert_true(children[i] >= 0);
        if (children[i] == 0) {
            close(gate[1]);
            process_run(&scene, gate[0], answers[i][1]);
        }
        close(answers[i][1]);
    }
    close(gate[0]);
    close(gate[1]);
    for (size_t i = 0; i < starters; i++) {
        char text[1024] = "";
        int exit_code = -1;
        assert_true(read(answers[i][0], text, sizeof(text) - 1) > 0);
        assert_int_equal(waitpid(children[i], &exit_code, 0), children[i]);
        assert_int_equal(exit_code, 0);
        memcpy(first, i == 0 ? text : first, sizeof(first));
        assert_string_equal(text, first);
        close(answers[i][0]);
    }
    scene_end(&scene);
}

/* ---- tokens ---- */

static const struct slice audiences[] = {SLICE("attach")};

struct proof {
    struct trusted_issuer issuer;
    struct trust trust;
    struct arena arena;
};

static void proof_begin(struct proof *proof, const struct mint *mint)
{
    struct buffer json = jwks_of(mint);
    *proof = (struct proof){.issuer = {.issuer = SLICE(MINT_LOCAL_ISSUER),
                                       .proof = IDENTITY_LOCAL,
                                       .audiences = audiences,
                                       .audiences_count = 1}};
    proof->trust = (struct trust){.issuers = &proof->issuer, .issuers_count = 1};
    arena_init(&proof->arena, 256 * 1024);
    assert_int_equal(jwks_parse(buffer_slice(&json), &proof->issuer.jwks, NULL), STATUS_OK);
    assert_int_equal(jwks_count(proof->issuer.jwks), 1);
    buffer_clear(&json);
}

static void proof_end(struct proof *proof)
{
    jwks_free(proof->issuer.jwks);
    arena_clear(&proof->arena);
}

static void a_token_proves_its_user(void **state)
{
    static const struct slice users[] = {SLICE("ann"), SLICE("a \"b\"\\\n\x01 \xc3\xa9|%")};
    struct scene scene;
    struct proof proof;
    scene_begin(&scene);
    struct mint *mint = mint_of(&scene);
    proof_begin(&proof, mint);
    for (size_t i = 0; i < 2; i++) {
        struct buffer token;
        buffer_init(&token, 4096);
        buffer_append_string(&token, "Bearer ");
        assert_int_equal(mint_append_token(mint, users[i], SLICE("attach"), NOW, 600, &token, NULL),
                         STATUS_OK);
        struct slice text = slice_after(buffer_slice(&token), 7);
        struct verification result = verify(&proof.trust, text, NOW, &proof.arena);
        assert_int_equal(result.verdict, VERDICT_ACCEPTED);
        assert_int_equal(result.identity.proof, IDENTITY_LOCAL);
        assert_true(slice_equals(result.identity.subject, users[i]));
        assert_int_equal(result.expires_at_s, NOW + 600);
        result = verify(&proof.trust, text, NOW + 600 + token_leeway_s, &proof.arena);
        assert_int_equal(result.reason, DENY_EXPIRED);
        result = verify(&proof.trust, text, NOW - token_leeway_s - 1, &proof.arena);
        assert_int_equal(result.reason, DENY_ISSUED_IN_FUTURE);
        buffer_clear(&token);
    }
    proof_end(&proof);
    mint_free(mint);
    scene_end(&scene);
}

/* The claims of <token>, in <buffer>. */
static struct json_value claims_of(struct slice token, struct buffer *buffer)
{
    struct json_value claims;
    size_t start = slice_find(token, '.') + 1;
    struct slice payload = slice_after(token, start);
    size_t length = 0;
    payload.length = slice_find(payload, '.');
    char *bytes = buffer_reserve(buffer, BASE64URL_DECODED_SIZE(payload.length));
    assert_non_null(bytes);
    assert_true(base64url_decode(payload, (unsigned char *)bytes, &length));
    buffer->length += length;
    assert_int_equal(json_parse(buffer_slice(buffer), JSON_DUPLICATES_REFUSED, &claims, NULL),
                     STATUS_OK);
    return claims;
}

#define PUBLIC_URL "https://gateway.test"

static void a_delegated_token_proves_user_and_chain(void **state)
{
    static const struct slice own[] = {SLICE(PUBLIC_URL)};
    static const struct slice actors[] = {SLICE("coder"), SLICE("plan\"ner"), SLICE("first")};
    struct scene scene;
    struct proof proof;
    scene_begin(&scene);
    struct mint *mint = mint_of(&scene);
    proof_begin(&proof, mint);
    proof.issuer.issuer = SLICE(PUBLIC_URL);
    proof.issuer.audiences = own;
    for (size_t count = 0; count <= 3; count++) {
        const struct mint_delegation what = {.issuer = SLICE(PUBLIC_URL),
                                             .subject = SLICE("did:web:a.example"),
                                             .audience = SLICE(PUBLIC_URL),
                                             .actors = actors,
                                             .actors_count = count};
        struct buffer token;
        struct buffer text;
        buffer_init(&token, 16384);
        buffer_init(&text, 16384);
        assert_int_equal(mint_append_delegated(mint, &what, NOW, 300, &token, NULL), STATUS_OK);
        struct verification result = verify(&proof.trust, buffer_slice(&token), NOW, &proof.arena);
        assert_int_equal(result.verdict, VERDICT_ACCEPTED);
        assert_true(slice_equals(result.identity.subject, SLICE("did:web:a.example")));
        assert_int_equal(result.expires_at_s, NOW + 300);
        struct json_value value = claims_of(buffer_slice(&token), &text);
        assert_true(json_string_is(json_member(value, "iss"), PUBLIC_URL));
        assert_true(json_string_is(json_member(value, "aud"), PUBLIC_URL));
        assert_int_equal(json_member(value, "jti").kind, JSON_STRING);
        for (size_t i = 0; i < count; i++) {
            struct slice name = {NULL, 0};
            value = json_member(value, "act");
            assert_int_equal(json_string(json_member(value, "sub"), &proof.arena, &name),
                             STATUS_OK);
            assert_true(slice_equals(name, actors[i]));
        }
        assert_int_equal(json_member(value, "act").kind, JSON_ABSENT);
        buffer_clear(&token);
        buffer_clear(&text);
    }
    proof_end(&proof);
    mint_free(mint);
    scene_end(&scene);
}

static void delegations_are_capped(void **state)
{
    static char name[1025];
    struct slice actors[mint_actors_max + 1];
    struct scene scene;
    struct proof proof;
    struct failure failure = {""};
    static const struct slice own[] = {SLICE(PUBLIC_URL)};
    scene_begin(&scene);
    struct mint *mint = mint_of(&scene);
    proof_begin(&proof, mint);
    proof.issuer.issuer = SLICE(PUBLIC_URL);
    proof.issuer.audiences = own;
    memset(name, 'n', sizeof(name));
    for (size_t i = 0; i <= mint_actors_max; i++) {
        actors[i] = slice_make(name, mint_actor_bytes_max);
    }
    struct mint_delegation good = {.issuer = SLICE(PUBLIC_URL),
                                   .subject = SLICE("ann"),
                                   .audience = SLICE(PUBLIC_URL),
                                   .actors = actors,
                                   .actors_count = mint_actors_max};
    struct buffer token;
    buffer_init(&token, token_bytes_max);
    assert_int_equal(mint_append_delegated(mint, &good, NOW, 300, &token, &failure), STATUS_OK);
    assert_int_equal(verify(&proof.trust, buffer_slice(&token), NOW, &proof.arena).verdict,
                     VERDICT_ACCEPTED); /* the longest chain can still be read */
    struct mint_delegation bad[5] = {good, good, good, good, good};
    struct slice too_long = slice_make(name, mint_actor_bytes_max + 1);
    bad[0].actors_count = mint_actors_max + 1;
    bad[1].actors = &too_long;
    bad[1].actors_count = 1;
    bad[2].issuer = SLICE("");
    bad[3].audience = slice_make(name, 1025);
    bad[4].subject = SLICE("");
    for (size_t i = 0; i < 5; i++) {
        failure.text[0] = '\0';
        buffer_reset(&token);
        assert_int_equal(mint_append_delegated(mint, &bad[i], NOW, 300, &token, &failure),
                         STATUS_INVALID);
        assert_true(failure.text[0] != '\0');
        assert_int_equal(token.length, 0);
    }
    buffer_clear(&token);
    proof_end(&proof);
    mint_free(mint);
    scene_end(&scene);
}

static void no_two_tokens_are_the_same(void **state)
{
    struct scene scene;
    struct buffer tokens[2];
    scene_begin(&scene);
    struct mint *mint = mint_of(&scene);
    for (size_t i = 0; i < 2; i++) {
        buffer_init(&tokens[i], 4096);
        assert_int_equal(
            mint_append_token(mint, SLICE("ann"), SLICE("attach"), NOW, 600, &tokens[i], NULL),
            STATUS_OK);
    }
    assert_false(slice_equals(buffer_slice(&tokens[0]), buffer_slice(&tokens[1])));
    buffer_clear(&tokens[0]);
    buffer_clear(&tokens[1]);
    mint_free(mint);
    scene_end(&scene);
}

static void unsound_tokens_are_not_made(void **state)
{
    static char name[1025];
    struct scene scene;
    struct buffer token;
    struct failure failure = {""};
    scene_begin(&scene);
    struct mint *mint = mint_of(&scene);
    memset(name, 'n', sizeof(name));
    const struct {
        struct slice subject;
        struct slice audience;
        int64_t lifetime_s;
        enum status status;
    } cases[] = {
        {SLICE(""), SLICE("attach"), 600, STATUS_INVALID},
        {slice_make(name, 1024), slice_make(name, 1024), 600, STATUS_OK},
        {slice_make(name, 1025), SLICE("attach"), 600, STATUS_INVALID},
        {SLICE("ann"), SLICE(""), 600, STATUS_INVALID},
        {SLICE("ann"), slice_make(name, 1025), 600, STATUS_INVALID},
        {SLICE("ann"), SLICE("attach"), 0, STATUS_INVALID},
        {SLICE("ann"), SLICE("attach"), -1, STATUS_INVALID},
        {SLICE("ann"), SLICE("attach"), (int64_t)INT32_MAX + 1, STATUS_INVALID},
        {SLICE("ann"), SLICE("attach"), INT32_MAX, STATUS_OK},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        buffer_init(&token, 8192);
        assert_int_equal(mint_append_token(mint, cases[i].subject, cases[i].audience, NOW,
                                           cases[i].lifetime_s, &token, &failure),
                         cases[i].status);
        assert_true((token.length > 0) == (cases[i].status == STATUS_OK));
        buffer_clear(&token);
    }
    assert_true(failure.text[0] != '\0');
    for (size_t room = 0; room < 400; room += 7) { /* a buffer that is too small is told */
        buffer_init(&token, room);
        enum status status =
            mint_append_token(mint, SLICE("ann"), SLICE("attach"), NOW, 600, &token, NULL);
        assert_int_equal(status, token.failed ? STATUS_NO_MEMORY : STATUS_OK);
        buffer_clear(&token);
    }
    mint_free(mint);
    scene_end(&scene);
}

/* Even a user whose every byte needs six once it is JSON. */
static void the_longest_user_of_control_bytes_fits(void **state)
{
    static char name[1024];
    struct scene scene;
    struct proof proof;
    struct buffer token;
    scene_begin(&scene);
    struct mint *mint = mint_of(&scene);
    proof_begin(&proof, mint);
    memset(name, '\x01', sizeof(name));
    buffer_init(&token, 65536);
    assert_int_equal(mint_append_token(mint, slice_make(name, sizeof(name)), SLICE("attach"), NOW,
                                       600, &token, NULL),
                     STATUS_OK);
    struct verification result = verify(&proof.trust, buffer_slice(&token), NOW, &proof.arena);
    assert_int_equal(result.verdict, VERDICT_ACCEPTED);
    assert_int_equal(result.identity.subject.length, sizeof(name));
    buffer_clear(&token);
    proof_end(&proof);
    mint_free(mint);
    scene_end(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_is_made_for_its_owner_alone),
        cmocka_unit_test(a_reopened_key_is_the_same),
        cmocka_unit_test(two_directories_have_two_keys),
        cmocka_unit_test(a_key_that_others_may_touch_is_refused),
        cmocka_unit_test(what_is_no_key_is_refused_and_kept),
        cmocka_unit_test(the_key_is_a_file_and_nothing_else),
        cmocka_unit_test(a_directory_that_cannot_be_is_told),
        cmocka_unit_test(threads_that_start_together_agree),
        cmocka_unit_test(processes_that_start_together_agree),
        cmocka_unit_test(a_token_proves_its_user),
        cmocka_unit_test(a_delegated_token_proves_user_and_chain),
        cmocka_unit_test(delegations_are_capped),
        cmocka_unit_test(no_two_tokens_are_the_same),
        cmocka_unit_test(unsound_tokens_are_not_made),
        cmocka_unit_test(the_longest_user_of_control_bytes_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
