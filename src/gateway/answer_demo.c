/* SPDX-License-Identifier: MIT
 *
 * answer_demo.c - GET /demo/: the page of ATTACH_DEMO_DIR, out of memory, under a policy that lets
 * it run its own scripts only and talk to this gateway and the login's issuers only. Owning worker
 * only. */
#include "gateway/answer.h"
#include "gateway/demo_files.h"

enum { demo_policy_bytes_max = 8 * 1024 };

/* scheme://host[:port] of <url>; of a bare host, as AUTH0_DOMAIN is, with https. What is no URL, or
 * would end the directive, is left out. */
static void demo_append_origin(struct buffer *policy, struct slice url)
{
    struct url parts;
    bool is_bare =
        !slice_starts_with(url, SLICE("http://")) && !slice_starts_with(url, SLICE("https://"));
    struct buffer whole;
    buffer_init(&whole, demo_policy_bytes_max);
    buffer_append_string(&whole, is_bare ? "https://" : "");
    buffer_append(&whole, url);
    if (url.length > 0 && !whole.failed &&
        url_parse(buffer_slice(&whole), &parts, NULL) == STATUS_OK) {
        buffer_append_format(policy, " %s://%.*s", parts.is_https ? "https" : "http",
                             SLICE_ARGS(parts.authority));
    }
    buffer_clear(&whole);
}

static bool demo_policy(struct request *request, struct slice *ret)
{
    const struct config *config = request->gateway->config;
    struct buffer policy;
    buffer_init(&policy, demo_policy_bytes_max);
    buffer_append_string(&policy, "default-src 'none'; script-src 'self'; style-src 'self'; "
                                  "img-src 'self'; connect-src 'self'");
    demo_append_origin(&policy, config->auth0_domain);
    for (size_t i = 0; i < config->oidc_issuer.count; i++) {
        demo_append_origin(&policy, config->oidc_issuer.items[i]);
    }
    buffer_append_string(&policy, "; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
    bool made = !policy.failed && arena_copy(&request->arena, buffer_slice(&policy), ret);
    buffer_clear(&policy);
    return made;
}

enum step_result answer_demo(struct request *request)
{
    const struct demo_files *files = request->gateway->process->demo_files;
    struct slice type, bytes, policy;
    if (demo_files_count(files) > 0 && slice_equals(request->head.target.path, SLICE("/demo"))) {
        const struct field there = {.name = SLICE("Location"), .value = SLICE("/demo/")};
        answer(request, 308, SLICE(""), SLICE(""), &there, 1);
        return STEP_ANSWER;
    }
    if (!demo_files_find(files, request->route_rest, &type, &bytes)) {
        answer_detail(request, 404, "not_found", "%s",
                      files == NULL ? "there is no demo page here: see ATTACH_DEMO_DIR"
                                    : "there is no such file");
        return STEP_ANSWER;
    }
    if (!demo_policy(request, &policy)) {
        answer_detail(request, 503, "out_of_memory", "out of memory");
        return STEP_ANSWER;
    }
    const struct field fields[] = {
        {.name = SLICE("Content-Security-Policy"), .value = policy},
        {.name = SLICE("X-Content-Type-Options"), .value = SLICE("nosniff")},
        {.name = SLICE("Referrer-Policy"), .value = SLICE("no-referrer")},
    };
    answer(request, 200, type, bytes, fields, 3);
    return STEP_ANSWER;
}
