/* SPDX-License-Identifier: MIT
 *
 * ollama.h - the routes that Ollama has, in the forms of its API (docs/api.md there).
 *
 * Each function answers the client's call. Owning worker only. */
#ifndef AG_ENGINE_OLLAMA_H
#define AG_ENGINE_OLLAMA_H

struct client;
struct dialect;

extern const struct dialect ollama_dialect;

void ollama_root(struct client *client);
void ollama_version(struct client *client);
void ollama_tags(struct client *client);
void ollama_running(struct client *client);
void ollama_show(struct client *client);
void ollama_chat(struct client *client);
void ollama_generate(struct client *client);
void ollama_embed(struct client *client);
void ollama_embed_one(struct client *client);

#endif
