/* SPDX-License-Identifier: MIT
 *
 * answer_demo_test.c - the demo page's fields, above all its policy; what is not there is 404. */
#include "gateway/answer.h"
#include "gateway/demo_files.h"

#include "fake_codec.h"
#include "scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[64];

static int folder_make(void **state)
{
    char path[96];
    snprintf(folder, sizeof(folder), "/tmp/answer-demo-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/index.html", folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs("<p>", file) >= 0);
    assert_int_equal(fclose(file), 0);
    return 0;
}

static int folder_remove(void **state)
{
    char path[96];
    snprintf(path, sizeof(path), "%s/index.html", folder);
    unlink(path);
    return rmdir(folder);
}

/* Ended by scene_drop. */
static struct request *answer_path(struct scene *scene, const char *path, const char *rest)
{
    char head[256];
    snprintf(head, sizeof(head), "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path);
    struct request *request = scene_request(scene, head);
    request->route_rest = slice_from_string(rest);
    assert_int_equal(answer_demo(request), STEP_ANSWER);
    return request;
}

static void begin(struct scene *scene, const char *const *flags)
{
    struct failure failure;
    scene_begin(scene, flags);
    assert_int_equal(demo_files_load(folder, &scene->process.demo_files, &failure), STATUS_OK);
}

static void end(struct scene *scene)
{
    demo_files_free(scene->process.demo_files);
    scene->process.demo_files = NULL;
    scene_end(scene);
}

static void the_page_comes_under_its_policy(void **state)
{
    static const char *const flags[] = {"--auth0-domain", "login.example.com", NULL};
    struct scene scene;
    begin(&scene, flags);
    struct request *request = answer_path(&scene, "/demo/", "");
    assert_int_equal(fake_codec_seen.status, 200);
    assert_string_equal(fake_codec_body(), "<p>");
    static const char *const once[] = {
        "Content-Type: text/html; charset=utf-8",
        "X-Content-Type-Options: nosniff",
        "Referrer-Policy: no-referrer",
        "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; "
        "img-src 'self'; connect-src 'self' https://login.example.com " SCENE_ISSUER
        "; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    };
    for (size_t i = 0; i < sizeof(once) / sizeof(once[0]); i++) {
        assert_int_equal(fake_codec_count(once[i]), 1);
    }
    scene_drop(request);
    end(&scene);
}

/* Only origins reach the policy: no path, and nothing that could open another directive. */
static void the_login_page_is_named_by_its_origin_alone(void **state)
{
    static const struct {
        const char *domain;
        const char *sources;
    } rows[] = {
        {"http://127.0.0.1:9/realms/x?y", " http://127.0.0.1:9"},
        {"https://login.example.com:8443/", " https://login.example.com:8443"},
        {"login.example.com/path", " https://login.example.com"},
        {"x; script-src *", ""},
        {"user@example.com", ""},
        {"https://", ""},
        {"x y", ""},
    };
    char wanted[256];
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *const flags[] = {"--auth0-domain", rows[i].domain, NULL};
        struct scene scene;
        begin(&scene, flags);
        struct request *request = answer_path(&scene, "/demo/", "");
        snprintf(wanted, sizeof(wanted), "connect-src 'self'%s " SCENE_ISSUER "; base-uri",
                 rows[i].sources);
        assert_non_null(strstr(fake_codec_fields(), wanted));
        scene_drop(request);
        end(&scene);
    }
}

static void what_is_not_there_is_404(void **state)
{
    struct scene scene;
    begin(&scene, NULL);
    struct request *request = answer_path(&scene, "/demo/other.html", "other.html");
    assert_int_equal(fake_codec_seen.status, 404);
    assert_string_equal(fake_codec_body(), "{\"detail\":\"there is no such file\"}");
    scene_drop(request);
    request = answer_path(&scene, "/demo", "");
    assert_int_equal(fake_codec_seen.status, 308);
    assert_int_equal(fake_codec_count("Location: /demo/"), 1);
    scene_drop(request);
    struct demo_files *files = scene.process.demo_files;
    scene.process.demo_files = NULL;
    static const char *const paths[] = {"/demo", "/demo/"};
    for (size_t i = 0; i < 2; i++) {
        request = answer_path(&scene, paths[i], "");
        assert_int_equal(fake_codec_seen.status, 404);
        assert_non_null(strstr(fake_codec_body(), "ATTACH_DEMO_DIR"));
        scene_drop(request);
    }
    scene.process.demo_files = files;
    end(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_page_comes_under_its_policy, folder_make,
                                        folder_remove),
        cmocka_unit_test_setup_teardown(the_login_page_is_named_by_its_origin_alone, folder_make,
                                        folder_remove),
        cmocka_unit_test_setup_teardown(what_is_not_there_is_404, folder_make, folder_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
