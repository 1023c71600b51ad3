// A kernel connection as JupyterLab has one, and a kernel at its end.

import { COMM_ID } from '../../widgets/jobactors_widgets/labextension/sidebar/link.js';

export { COMM_ID };

export const KernelMessage = {
  createMessage: ({ msgType, channel, content }) => ({ header: { msg_type: msgType }, channel, content })
};

export class Signal {
  slots = [];
  connect(slot) { this.slots.push(slot); }
  disconnect(slot) { this.slots = this.slots.filter(each => each !== slot); }
  emit(value) { for (const slot of [...this.slots]) slot(this, value); }
}

/** A kernel connection with jobs or without, and with subshells or without. */
export class FakeKernel {
  id = 'k1';
  isDisposed = false;
  connectionStatus = 'connected';
  iopubMessage = new Signal();
  statusChanged = new Signal();
  connectionStatusChanged = new Signal();
  spec = Promise.resolve({ language: 'python' });
  process = 'p1';
  comms = { [COMM_ID]: { target_name: COMM_ID } };
  features = ['kernel subshells'];
  asked = [];    // message types on the control channel
  sent = [];     // [data, subshell] on the shell channel
  silent = false;

  sendControlMessage({ header: { msg_type }, content }) {
    this.asked.push(msg_type);
    const answers = {
      comm_info_request: { comms: this.comms },
      kernel_info_request: { supported_features: this.features },
      create_subshell_request: { status: 'ok', subshell_id: `s-${this.process}` },
      delete_subshell_request: { status: 'ok', deleted: content.subshell_id }
    };
    const done = this.silent ? new Promise(() => {}) : Promise.resolve({ content: answers[msg_type] });
    return { done, dispose: () => {} };
  }
  sendShellMessage(message) { this.sent.push([message.content.data, message.header.subshell_id]); }
  say(data, process = this.process) {
    this.iopubMessage.emit({ header: { msg_type: 'comm_msg', session: process }, content: { comm_id: COMM_ID, data } });
  }
  frame(number, rows, more = {}) { this.say({ kind: 'frame', frame: number, rows, hears: true, ...more }); }
  get hellos() { return this.sent.filter(([data]) => data.kind === 'hello').map(([data]) => data.frame); }
}
