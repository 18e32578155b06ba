// SPDX-License-Identifier: MIT
//
// gguf.mjs - writes GGUF files (version 3), the format llama.cpp loads models from: a header, metadata, descriptions of
// the tensors, then the tensors, each at a multiple of 32 bytes. Only what a small 32-bit model needs.
import { writeFile } from 'node:fs/promises';

const alignment = 32;
const version = 3;
const typeOfF32 = 0;
const types = { uint32: 4, int32: 5, float32: 6, bool: 7, string: 8, array: 9 };

function number(write, bytes, value) {
  const buffer = Buffer.alloc(bytes);
  buffer[write](value);
  return buffer;
}

const uint32 = (value) => number('writeUInt32LE', 4, value);
const uint64 = (value) => number('writeBigUInt64LE', 8, BigInt(value));

function string(text) {
  const bytes = Buffer.from(text, 'utf8');
  return Buffer.concat([uint64(bytes.length), bytes]);
}

const encoders = {
  uint32,
  int32: (value) => number('writeInt32LE', 4, value),
  float32: (value) => number('writeFloatLE', 4, value),
  bool: (value) => Buffer.from([value ? 1 : 0]),
  string,
  array: ([type, values]) =>
    Buffer.concat([uint32(types[type]), uint64(values.length), ...values.map(encoders[type])]),
};

function padded(length) {
  return Math.ceil(length / alignment) * alignment;
}

/**
 * <metadata>: [key, type, value] rows; the value of an array is [type, values].
 * <tensors>: [name, dimensions, Float32Array] rows, the first dimension being the one that lies together in memory.
 */
export function ggufBytes(metadata, tensors) {
  const parts = [
    Buffer.from('GGUF'),
    uint32(version),
    uint64(tensors.length),
    uint64(metadata.length),
  ];
  for (const [key, type, value] of metadata) {
    parts.push(string(key), uint32(types[type]), encoders[type](value));
  }
  let offset = 0;
  for (const [name, dimensions, values] of tensors) {
    if (values.length !== dimensions.reduce((product, size) => product * size, 1)) {
      throw new Error(`${name} has ${values.length} values for ${dimensions}`);
    }
    parts.push(
      string(name),
      uint32(dimensions.length),
      ...dimensions.map(uint64),
      uint32(typeOfF32),
      uint64(offset),
    );
    offset += padded(values.byteLength);
  }
  const head = Buffer.concat(parts);
  const body = tensors.map(([, , values]) => {
    const bytes = Buffer.alloc(padded(values.byteLength));
    values.forEach((value, index) => bytes.writeFloatLE(value, index * 4));
    return bytes;
  });
  return Buffer.concat([head, Buffer.alloc(padded(head.length) - head.length), ...body]);
}

export async function writeGguf(file, metadata, tensors) {
  await writeFile(file, ggufBytes(metadata, tensors));
}
