/* SPDX-License-Identifier: MIT
 *
 * prompt.h - how what was asked becomes plain text: turns, and the parts of one. The reader's
 * thread only. */
#ifndef AG_DIALECT_PROMPT_H
#define AG_DIALECT_PROMPT_H

#include "dialect/text.h"

/* "role: content", an empty line before it when something stands already. Nothing when <content>
 * says nothing. */
void prompt_turn(struct text *prompt, struct slice role, struct json_value content);

/* A text, one part or an array of parts. */
void prompt_content(struct text *prompt, struct json_value content);

/* Messages as OpenAI, Ollama and Anthropic have them. */
void prompt_messages(struct text *prompt, struct json_value messages);

/* One [image] for each element. */
void prompt_images(struct text *prompt, struct json_value images);

#endif
