// SPDX-License-Identifier: MIT
//
// llama_engine.mjs - llama.cpp, by node-llama-cpp, behind an HTTP server that speaks OpenAI's protocol and nothing
// else. The model is tiny (tiny_model.mjs), the inference is real.
import path from 'node:path';

import { GeneralChatWrapper, getLlama } from 'node-llama-cpp';

import { makeDirectory } from './directory.mjs';
import { bodyOf, replyJson, startEngine } from './engine.mjs';
import { modelName, writeTinyModel } from './tiny_model.mjs';

const contextTokens = 512;
const answerTokensUsual = 128;
const callsAtOnce = 4;
const chatWrapper = new GeneralChatWrapper();

function chatPrompt(messages) {
  const history = messages.map(({ role, content }) =>
    role === 'assistant' ? { type: 'model', response: [content] } : { type: role, text: content },
  );
  history.push({ type: 'model', response: [] });
  return chatWrapper.generateContextState({ chatHistory: history }).contextText;
}

/** The four shapes an answer has: chat or text, streamed or whole. */
const shapes = {
  chat: {
    prefix: 'chatcmpl',
    whole: {
      object: 'chat.completion',
      choice: (text) => ({ message: { role: 'assistant', content: text } }),
    },
    part: {
      object: 'chat.completion.chunk',
      choice: (text) => ({ delta: text === '' ? {} : { content: text } }),
    },
    prompt: (body, model) => chatPrompt(body.messages).tokenize(model.tokenizer),
  },
  text: {
    prefix: 'cmpl',
    whole: { object: 'text_completion', choice: (text) => ({ text }) },
    part: { object: 'text_completion', choice: (text) => ({ text }) },
    prompt: (body, model) => model.tokenize(body.prompt),
  },
};

class LlamaEngine {
  calls = []; // {tokens, stopped} of every generation
  beforeToken = async () => {}; // a test may hold the engine here

  async load(directory) {
    const file = path.join(directory, 'tiny.gguf');
    await writeTinyModel(file);
    this.llama = await getLlama({
      gpu: false,
      build: 'never',
      skipDownload: true,
      progressLogs: false,
      maxThreads: 1,
    });
    this.model = await this.llama.loadModel({ modelPath: file });
    this.context = await this.model.createContext({
      contextSize: contextTokens,
      sequences: callsAtOnce,
    });
    this.embedding = await this.model.createEmbeddingContext({ contextSize: contextTokens });
  }

  /** The pieces of text that follow <tokens>, and why they ended. */
  async *generate(tokens, limit, signal) {
    const call = { tokens: 0, reason: 'stop', stopped: false };
    this.calls.push(call);
    const sequence = this.context.getSequence();
    try {
      let before = tokens.slice(-4);
      for await (const token of sequence.evaluate(tokens, { temperature: 0 })) {
        call.tokens += 1;
        yield { text: this.model.detokenize([token], false, before), call };
        before = [...before, token].slice(-4);
        if (call.tokens === limit) {
          call.reason = 'length';
          break;
        }
        await this.beforeToken(call);
        if (signal.aborted) {
          call.stopped = true;
          break;
        }
      }
    } finally {
      sequence.dispose();
    }
    yield { text: '', call };
  }

  async complete(shape, body, reply) {
    const gone = new AbortController();
    reply.on('close', () => gone.abort());
    const tokens = shape.prompt(body, this.model);
    const id = `${shape.prefix}-${this.calls.length}`;
    const common = { id, created: Math.floor(Date.now() / 1000), model: modelName };
    const usage = (call) => ({
      prompt_tokens: tokens.length,
      completion_tokens: call.tokens,
      total_tokens: tokens.length + call.tokens,
    });
    const choices = (form, text, reason) => [
      { index: 0, ...form.choice(text), logprobs: null, finish_reason: reason },
    ];
    let whole = '';
    let last;
    if (body.stream) {
      reply.writeHead(200, { 'content-type': 'text/event-stream' });
    }
    for await (const { text, call } of this.generate(
      tokens,
      body.max_tokens ?? answerTokensUsual,
      gone.signal,
    )) {
      last = call;
      whole += text;
      if (body.stream && text !== '') {
        const { object } = shape.part;
        reply.write(
          `data: ${JSON.stringify({ ...common, object, choices: choices(shape.part, text, null) })}\n\n`,
        );
      }
    }
    if (!body.stream) {
      const { object } = shape.whole;
      replyJson(reply, 200, {
        ...common,
        object,
        choices: choices(shape.whole, whole, last.reason),
        usage: usage(last),
      });
      return;
    }
    const { object } = shape.part;
    reply.write(
      `data: ${JSON.stringify({ ...common, object, choices: choices(shape.part, '', last.reason) })}\n\n`,
    );
    if (body.stream_options?.include_usage) {
      reply.write(
        `data: ${JSON.stringify({ ...common, object, choices: [], usage: usage(last) })}\n\n`,
      );
    }
    reply.end('data: [DONE]\n\n');
  }

  async embed(body, reply) {
    const data = [];
    for (const [index, text] of [body.input].flat().entries()) {
      const { vector } = await this.embedding.getEmbeddingFor(text);
      const embedding =
        body.encoding_format === 'base64'
          ? Buffer.from(Float32Array.from(vector).buffer).toString('base64')
          : [...vector];
      data.push({ object: 'embedding', index, embedding });
    }
    replyJson(reply, 200, {
      object: 'list',
      model: modelName,
      data,
      usage: { prompt_tokens: data.length, total_tokens: data.length },
    });
  }

  async answer(request, reply) {
    const bytes = await bodyOf(request);
    const body = bytes.length > 0 ? JSON.parse(bytes) : {};
    switch (`${request.method} ${request.url}`) {
      case 'GET /v1/models':
        return replyJson(reply, 200, {
          object: 'list',
          data: [{ id: modelName, object: 'model', created: 0, owned_by: 'llama.cpp' }],
        });
      case 'POST /v1/chat/completions':
        return this.complete(shapes.chat, body, reply);
      case 'POST /v1/completions':
        return this.complete(shapes.text, body, reply);
      case 'POST /v1/embeddings':
        return this.embed(body, reply);
      default:
        return replyJson(reply, 404, {
          error: {
            message: `no ${request.method} ${request.url} here`,
            type: 'invalid_request_error',
            param: null,
            code: null,
          },
        });
    }
  }
}

/** {engine, llama}: the HTTP side and the llama.cpp side, ended when <owner> ends. */
export async function startLlamaEngine(owner) {
  const llama = new LlamaEngine();
  owner.after(async () => llama.llama?.dispose());
  await llama.load(makeDirectory(owner));
  const engine = await startEngine(owner, (request, reply) => llama.answer(request, reply));
  return { engine, llama };
}
