// SPDX-License-Identifier: MIT
//
// anthropic_engine.mjs - an engine that speaks Anthropic's Messages protocol, as vLLM and Ollama do beside OpenAI's: it
// answers with the words it was sent. A test may hold it before each word.
import { bodyOf, replyJson, startEngine } from './engine.mjs';

export const echoModel = 'echo';

function wordsOf({ messages }) {
  const { content } = messages.at(-1);
  return (typeof content === 'string' ? content : content.map((part) => part.text).join('')).match(
    /\s*\S+/g,
  );
}

function errorOf(type, message) {
  return { type: 'error', error: { type, message } };
}

function sendEvent(reply, type, members) {
  reply.write(`event: ${type}\ndata: ${JSON.stringify({ type, ...members })}\n\n`);
}

class Echo {
  beforeWord = async () => {};

  async stream(message, words, reply) {
    reply.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
    sendEvent(reply, 'message_start', { message: { ...message, content: [], stop_reason: null } });
    sendEvent(reply, 'content_block_start', {
      index: 0,
      content_block: { type: 'text', text: '' },
    });
    for (const text of words) {
      await this.beforeWord(text);
      if (reply.destroyed) {
        return;
      }
      sendEvent(reply, 'content_block_delta', { index: 0, delta: { type: 'text_delta', text } });
    }
    sendEvent(reply, 'content_block_stop', { index: 0 });
    sendEvent(reply, 'message_delta', {
      delta: { stop_reason: 'end_turn', stop_sequence: null },
      usage: { output_tokens: words.length },
    });
    sendEvent(reply, 'message_stop', {});
    reply.end();
  }

  async answer(request, reply) {
    const body = JSON.parse(await bodyOf(request));
    if (request.headers['anthropic-version'] === undefined) {
      return replyJson(
        reply,
        400,
        errorOf('invalid_request_error', 'anthropic-version is missing'),
      );
    }
    if (body.model !== echoModel) {
      return replyJson(reply, 404, errorOf('not_found_error', `model: ${body.model}`));
    }
    const words = wordsOf(body);
    if (request.url === '/v1/messages/count_tokens') {
      return replyJson(reply, 200, { input_tokens: words.length });
    }
    const message = {
      id: 'msg_1',
      type: 'message',
      role: 'assistant',
      model: echoModel,
      stop_reason: 'end_turn',
      stop_sequence: null,
      content: [{ type: 'text', text: words.join('') }],
      usage: { input_tokens: words.length, output_tokens: words.length },
    };
    return body.stream ? this.stream(message, words, reply) : replyJson(reply, 200, message);
  }
}

/** {engine, echo}, ended when <owner> ends. */
export async function startAnthropicEngine(owner) {
  const echo = new Echo();
  const engine = await startEngine(owner, (request, reply) => echo.answer(request, reply));
  return { engine, echo };
}
