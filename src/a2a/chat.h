/* SPDX-License-Identifier: MIT
 *
 * chat.h - the bodies that chat routes take and give, as far as tasks need to know them.
 *
 * Bodies of the original's route pass as they are, but for `stream`; messages of A2A become chat
 * messages; a reply that came in pieces (NDJSON, SSE) is folded into one JSON value; and a reply's
 * text is found, to become an artifact. Ollama and OpenAI forms. Any thread. */
#ifndef AG_A2A_CHAT_H
#define AG_A2A_CHAT_H

#include "a2a/message.h"
#include "base/buffer.h"

/* <input>, an object, as a body for the engine's chat route: "stream": false is added when it says
 * nothing of it, `prompt` becomes messages when there are none, and <model> is added when it names
 * none and <model> is not empty. */
enum status chat_append_body(struct slice input, struct slice model, struct buffer *buffer,
                             struct failure *reterr) MUST_CHECK;

/* An A2A message, with those before it in <history> (JSON array or empty), as a chat body. A
 * message whose only part is a data object with messages, prompt or input in it is that object.
 * STATUS_UNSUPPORTED: it has a file. */
enum status chat_append_message(struct slice message, struct slice history, struct slice model,
                                bool for_engine, struct buffer *buffer,
                                struct failure *reterr) MUST_CHECK;

/* <reply> as one JSON value: itself when it is one; else the lines of NDJSON or the data of SSE
 * folded together: the text of all pieces put into the last one's place. STATUS_INVALID: neither.
 */
enum status chat_fold(struct slice reply, size_t bytes_max, struct buffer *buffer,
                      struct failure *reterr) MUST_CHECK;

/* The answer's text as a JSON string; kind JSON_ABSENT when none is found. */
struct json_value chat_reply_text(struct json_value reply);

#endif
