/* SPDX-License-Identifier: MIT
 *
 * openai.h - the routes under /v1/ that OpenAI and its many imitators have.
 *
 * Each function answers the client's call. Owning worker only. */
#ifndef AG_ENGINE_OPENAI_H
#define AG_ENGINE_OPENAI_H

struct client;
struct dialect;

extern const struct dialect openai_dialect;

void openai_models(struct client *client);
void openai_model(struct client *client);
void openai_chat(struct client *client);
void openai_complete(struct client *client);
void openai_embed(struct client *client);

#endif
