// SPDX-License-Identifier: MIT
//
// tiny_model.mjs - a language model of the llama architecture that is small enough to be made by a test.
//
// Its weights are random, but for one thing: the output layer is laid so that after each word the next word of a
// recitation is by far the likeliest, so that what the engine must say is known beforehand. After anything else it
// begins with the first word. Two recitations: one that ends, and one that goes round for ever.
import { writeGguf } from './gguf.mjs';

const embeddingLength = 64;
const feedForwardLength = 96;
const heads = 4;
const blocks = 2;
const contextLength = 1024;
const noise = 0.02;

/** What it answers to everything that does not end in a word of its own. */
export const recitation = [
  'The',
  'tiny',
  'model',
  'counts',
  'one',
  'two',
  'three',
  'four',
  'five',
  'six',
  'seven',
  'and',
  'ends',
];

/** A prompt that ends in one of these words is continued for ever. */
export const roundelay = ['round', 'and-round', 'the-ring'];

export const modelName = 'tiny-llama';

/** The same numbers on every machine (Mulberry32). */
function generator(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const tokenTypes = { normal: 1, unknown: 2, control: 3, byte: 6 };
const beginning = 1;
const ending = 2;

/** Unknown, beginning, end, every byte, then the words; a word carries the space before it, as in SentencePiece. */
function vocabulary() {
  const tokens = [
    { text: '<unk>', type: tokenTypes.unknown },
    { text: '<s>', type: tokenTypes.control },
    { text: '</s>', type: tokenTypes.control },
  ];
  for (let byte = 0; byte < 256; byte++) {
    tokens.push({
      text: `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`,
      type: tokenTypes.byte,
    });
  }
  const prefixes = new Set();
  for (const word of [...recitation, ...roundelay]) {
    // SentencePiece merges pairs, so every beginning of a word must be a token too, the longer the better its score.
    const letters = [...`\u2581${word}`];
    letters.forEach((letter, index) => {
      prefixes.add(letter);
      prefixes.add(letters.slice(0, index + 1).join(''));
    });
  }
  for (const text of prefixes) {
    tokens.push({ text, type: tokenTypes.normal, score: text.length });
  }
  return tokens;
}

function matrix(random, columns, rows, scale) {
  return Float32Array.from({ length: columns * rows }, () => (random() * 2 - 1) * scale);
}

/** Which token comes after which: an index for every token. */
function successors(tokens) {
  const indexOf = new Map(tokens.map((token, index) => [token.text, index]));
  const wordIndex = (word) => indexOf.get(`\u2581${word}`);
  const next = tokens.map(() => wordIndex(recitation[0]));
  recitation.forEach((word, index) => {
    next[wordIndex(word)] =
      index + 1 < recitation.length ? wordIndex(recitation[index + 1]) : ending;
  });
  roundelay.forEach((word, index) => {
    next[wordIndex(word)] = wordIndex(roundelay[(index + 1) % roundelay.length]);
  });
  return next;
}

/**
 * Each word has a direction of its own, all other tokens share the last one. The output layer sends a direction to the
 * token that is to follow; the rest of both is noise.
 */
function outerLayers(random, tokens) {
  const embeddings = matrix(random, embeddingLength, tokens.length, noise);
  const output = matrix(random, embeddingLength, tokens.length, noise);
  const directions = new Map(
    [...recitation, ...roundelay].map((word, index) => [`\u2581${word}`, index]),
  );
  successors(tokens).forEach((next, token) => {
    const direction = directions.get(tokens[token].text) ?? embeddingLength - 1;
    embeddings[token * embeddingLength + direction] = 1;
    output[next * embeddingLength + direction] = 4;
  });
  return { embeddings, output };
}

function blockTensors(random, index) {
  const row = (name, columns, rows) => [
    `blk.${index}.${name}.weight`,
    [columns, rows],
    matrix(random, columns, rows, noise),
  ];
  const norm = (name) => [
    `blk.${index}.${name}.weight`,
    [embeddingLength],
    new Float32Array(embeddingLength).fill(1),
  ];
  return [
    norm('attn_norm'),
    row('attn_q', embeddingLength, embeddingLength),
    row('attn_k', embeddingLength, embeddingLength),
    row('attn_v', embeddingLength, embeddingLength),
    row('attn_output', embeddingLength, embeddingLength),
    norm('ffn_norm'),
    row('ffn_gate', embeddingLength, feedForwardLength),
    row('ffn_up', embeddingLength, feedForwardLength),
    row('ffn_down', feedForwardLength, embeddingLength),
  ];
}

function metadataOf(tokens) {
  return [
    ['general.architecture', 'string', 'llama'],
    ['general.name', 'string', modelName],
    ['general.file_type', 'uint32', 0],
    ['llama.vocab_size', 'uint32', tokens.length],
    ['llama.context_length', 'uint32', contextLength],
    ['llama.embedding_length', 'uint32', embeddingLength],
    ['llama.block_count', 'uint32', blocks],
    ['llama.feed_forward_length', 'uint32', feedForwardLength],
    ['llama.attention.head_count', 'uint32', heads],
    ['llama.attention.head_count_kv', 'uint32', heads],
    ['llama.attention.layer_norm_rms_epsilon', 'float32', 1e-5],
    ['llama.rope.dimension_count', 'uint32', embeddingLength / heads],
    ['tokenizer.ggml.model', 'string', 'llama'],
    ['tokenizer.ggml.tokens', 'array', ['string', tokens.map((token) => token.text)]],
    ['tokenizer.ggml.scores', 'array', ['float32', tokens.map((token) => token.score ?? 0)]],
    ['tokenizer.ggml.token_type', 'array', ['int32', tokens.map((token) => token.type)]],
    ['tokenizer.ggml.bos_token_id', 'uint32', beginning],
    ['tokenizer.ggml.eos_token_id', 'uint32', ending],
    ['tokenizer.ggml.unknown_token_id', 'uint32', 0],
    ['tokenizer.ggml.add_bos_token', 'bool', true],
    ['tokenizer.ggml.add_eos_token', 'bool', false],
  ];
}

export async function writeTinyModel(file) {
  const random = generator(20_240_229);
  const tokens = vocabulary();
  const { embeddings, output } = outerLayers(random, tokens);
  const tensors = [
    ['token_embd.weight', [embeddingLength, tokens.length], embeddings],
    ...Array.from({ length: blocks }, (_, index) => blockTensors(random, index)).flat(),
    ['output_norm.weight', [embeddingLength], new Float32Array(embeddingLength).fill(1)],
    ['output.weight', [embeddingLength, tokens.length], output],
  ];
  await writeGguf(file, metadataOf(tokens), tensors);
}
