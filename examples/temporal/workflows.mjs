// SPDX-License-Identifier: MIT
//
// workflows.mjs - what runs inside the workflow's sandbox: no network, no clock, no file. A step that needs those is an
// activity.
import { ApplicationFailure, log, workflowInfo } from '@temporalio/workflow';

/** Counts the words of all messages. <messages> is what the task's "input.messages" held. */
export async function ProcessChat(messages) {
  if (!Array.isArray(messages)) {
    throw ApplicationFailure.nonRetryable('messages must be a list');
  }
  const words = messages.flatMap(({ content }) => String(content ?? '').match(/\S+/g) ?? []);
  log.info('chat processed', { user: workflowInfo().memo?.['attach-user'], words: words.length });
  return `Processed ${words.length} tokens`;
}
