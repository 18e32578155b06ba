/* SPDX-License-Identifier: MIT
 *
 * agent_card.c - writes agent cards. Any thread. */
#include "a2a/agent_card.h"

#include <openssl/evp.h>
#include <stdio.h>

static void append_url(const struct agent_card_settings *settings, const struct agent *agent,
                       const char *suffix, struct buffer *buffer)
{
    struct buffer url;
    buffer_init(&url, 8 * 1024);
    buffer_append(&url, settings->public_url);
    if (agent != NULL) {
        buffer_append_string(&url, "/a2a/agents/");
        buffer_append(&url, agent->name);
    } else {
        buffer_append_string(&url, "/a2a");
    }
    buffer_append_string(&url, suffix);
    buffer->failed = buffer->failed || url.failed;
    buffer_append_json_string(buffer, buffer_slice(&url));
    buffer_clear(&url);
}

/* 1.0 */
static void append_interface(const struct agent_card_settings *settings, const struct agent *agent,
                             const char *binding, const char *version, const char *suffix,
                             struct buffer *buffer)
{
    buffer_append_string(buffer, "{\"url\":");
    append_url(settings, agent, suffix, buffer);
    buffer_append_format(buffer, ",\"protocolBinding\":\"%s\",\"protocolVersion\":\"%s\"}", binding,
                         version);
}

/* 0.3 */
static void append_legacy_interface(const struct agent_card_settings *settings,
                                    const struct agent *agent, const char *transport,
                                    const char *suffix, struct buffer *buffer)
{
    buffer_append_string(buffer, "{\"url\":");
    append_url(settings, agent, suffix, buffer);
    buffer_append_format(buffer, ",\"transport\":\"%s\"}", transport);
}

static void append_interfaces(const struct agent_card_settings *settings, const struct agent *agent,
                              struct buffer *buffer)
{
    buffer_append_string(buffer, ",\"supportedInterfaces\":[");
    append_interface(settings, agent, "JSONRPC", "1.0", "", buffer);
    buffer_append_byte(buffer, ',');
    append_interface(settings, agent, "HTTP+JSON", "1.0", "/rest", buffer);
    buffer_append_byte(buffer, ',');
    append_interface(settings, agent, "JSONRPC", "0.3", "", buffer);
    buffer_append_byte(buffer, ',');
    append_interface(settings, agent, "HTTP+JSON", "0.3", "/rest", buffer);
    buffer_append_string(buffer, "],\"protocolVersion\":\"0.3.0\",\"url\":");
    append_url(settings, agent, "", buffer);
    buffer_append_string(buffer, ",\"preferredTransport\":\"JSONRPC\",\"additionalInterfaces\":[");
    append_legacy_interface(settings, agent, "JSONRPC", "", buffer);
    buffer_append_byte(buffer, ',');
    append_legacy_interface(settings, agent, "HTTP+JSON", "/rest", buffer);
    buffer_append_byte(buffer, ']');
}

/* Both generations name schemes in one map: "type" is 0.3's, the wrapping member 1.0's. */
static void append_security(const struct agent_card_settings *settings, struct buffer *buffer)
{
    buffer_append_string(
        buffer, ",\"securitySchemes\":{\"bearer\":{\"type\":\"http\",\"scheme\":\"bearer\","
                "\"bearerFormat\":\"JWT\",\"httpAuthSecurityScheme\":{\"scheme\":\"bearer\","
                "\"bearerFormat\":\"JWT\"}}");
    if (settings->issuers.count > 0) {
        struct slice issuer = settings->issuers.items[0];
        struct buffer url;
        buffer_init(&url, 8 * 1024);
        if (issuer.length > 0 && issuer.data[issuer.length - 1] == '/') {
            issuer.length--;
        }
        buffer_append(&url, issuer);
        buffer_append_string(&url, "/.well-known/openid-configuration");
        buffer->failed = buffer->failed || url.failed;
        buffer_append_string(buffer, ",\"oidc\":{\"type\":\"openIdConnect\",\"openIdConnectUrl\":");
        buffer_append_json_string(buffer, buffer_slice(&url));
        buffer_append_string(buffer, ",\"openIdConnectSecurityScheme\":{\"openIdConnectUrl\":");
        buffer_append_json_string(buffer, buffer_slice(&url));
        buffer_append_string(buffer, "}}");
        buffer_clear(&url);
    }
    buffer_append_string(buffer, "},\"security\":[{\"bearer\":[]}],\"securityRequirements\":"
                                 "[{\"schemes\":{\"bearer\":{\"list\":[]}}}]");
}

static void append_skill(struct slice id, const char *what, struct buffer *buffer)
{
    buffer_append_string(buffer, "{\"id\":");
    buffer_append_json_string(buffer, id);
    buffer_append_string(buffer, ",\"name\":");
    buffer_append_json_string(buffer, id);
    buffer_append_string(buffer, ",\"description\":");
    buffer_append_json_string(buffer, slice_from_string(what));
    buffer_append_string(buffer, ",\"tags\":[\"chat\"]}");
}

static void append_skills(const struct targets *targets, const struct agent *agent,
                          struct buffer *buffer)
{
    size_t count;
    const struct agent *agents = targets_agents(targets, &count);
    buffer_append_string(buffer, ",\"skills\":[");
    if (agent != NULL) {
        append_skill(agent->name, "Takes a message and answers it.", buffer);
    } else {
        append_skill(SLICE("engine"), "Answers with the language model behind the gateway.",
                     buffer);
        for (size_t i = 0; i < count; i++) {
            buffer_append_byte(buffer, ',');
            append_skill(agents[i].name, "An agent with a card of its own under /a2a/agents/.",
                         buffer);
        }
    }
    buffer_append_byte(buffer, ']');
}

void agent_card_append(const struct agent_card_settings *settings, const struct targets *targets,
                       const struct agent *agent, struct buffer *buffer)
{
    buffer_append_string(buffer, "{\"name\":");
    buffer_append_json_string(buffer, agent != NULL ? agent->name : SLICE("attach-gateway"));
    buffer_append_string(buffer, ",\"description\":");
    buffer_append_json_string(
        buffer, agent != NULL
                    ? SLICE("An agent behind an Attach Gateway, which proves who calls it.")
                    : SLICE("An Attach Gateway: proves who calls, hands tasks to the language "
                            "model and to agents, and keeps them."));
    buffer_append_string(buffer, ",\"version\":\"" AG_VERSION "\"");
    append_interfaces(settings, agent, buffer);
    buffer_append_format(buffer,
                         ",\"capabilities\":{\"streaming\":true,\"pushNotifications\":%s,"
                         "\"stateTransitionHistory\":false,\"extendedAgentCard\":false},"
                         "\"supportsAuthenticatedExtendedCard\":false",
                         settings->takes_push ? "true" : "false");
    append_security(settings, buffer);
    buffer_append_string(buffer, ",\"defaultInputModes\":[\"text/plain\",\"application/json\"],"
                                 "\"defaultOutputModes\":[\"text/plain\",\"application/json\"]");
    append_skills(targets, agent, buffer);
    buffer_append_byte(buffer, '}');
}

void agent_card_etag(struct slice card, char ret_etag[agent_card_etag_bytes])
{
    unsigned char digest[EVP_MAX_MD_SIZE] = {0};
    unsigned length = 0;
    if (EVP_Digest(card.data, card.length, digest, &length, EVP_sha256(), NULL) != 1) {
        memset(digest, 0, sizeof(digest));
    }
    ret_etag[0] = '"';
    for (size_t i = 0; i < 10; i++) {
        snprintf(ret_etag + 1 + 2 * i, 3, "%02x", digest[i]);
    }
    snprintf(ret_etag + 21, 2, "\"");
}
