// A user's device: the official SDK, and everything that it told the app.

import { Centrifuge } from 'centrifuge';
import { Centrifuge as CentrifugeProtobuf } from 'centrifuge/build/protobuf';
import { EventSource } from 'eventsource';
import WebSocket from 'ws';

import { APP } from './server.js';
import { Growing } from './wait.js';

export const ENCODINGS = ['json', 'protobuf'];

/** Every transport in every encoding that it has. */
export const WAYS = [
  ...ENCODINGS.map((encoding) => ({ transport: 'websocket', encoding })),
  ...ENCODINGS.map((encoding) => ({ transport: 'http_stream', encoding })),
  { transport: 'sse', encoding: 'json' },
];

/** What the SDK is to be told of a server, by transport. A list of one transport leaves it no other to fall back to. */
function endpoint({ url }, transport) {
  if (transport === 'websocket') return `${url.replace('http', 'ws')}/connection/websocket`;
  return [{ transport, endpoint: `${url}/connection/${transport}` }];
}

/** With Protobuf the SDK hands payloads over as bytes, in and out. */
const CODECS = {
  json: { Client: Centrifuge, encode: (value) => value, decode: (value) => value },
  protobuf: {
    Client: CentrifugeProtobuf,
    encode: (value) => new TextEncoder().encode(JSON.stringify(value)),
    decode: (bytes) => JSON.parse(new TextDecoder().decode(bytes)),
  },
};

export class User {
  /** What came into the inbox: `{offset, data}`. */
  inbox = new Growing();
  /** All other events: `{event, …}`. */
  events = new Growing();
  /** The position after the last entry that came in. */
  position = undefined;

  /** `options`: transport or endpoints, encoding, token, getToken, data, server (`{url}`), and those of the SDK. */
  constructor({ server, transport = 'websocket', endpoints, encoding = 'json', data = {}, ...options }) {
    this.position = data.inbox;
    this.codec = CODECS[encoding];
    this.client = new this.codec.Client(endpoints ?? endpoint(server, transport), {
      websocket: WebSocket,
      eventsource: EventSource,
      emulationEndpoint: `${server.url}/emulation`,
      data: this.codec.encode(data),
      minReconnectDelay: 1,
      maxReconnectDelay: 50,
      ...options,
    });
    for (const event of ['connecting', 'connected', 'disconnected', 'error', 'message', 'subscribed', 'unsubscribed']) {
      this.client.on(event, (context) => this.#note(event, context));
    }
    this.client.on('publication', (context) => {
      if (context.channel !== 'inbox') throw new Error(`a publication of ${context.channel}`);
      if (context.offset > 0) this.position = { ...this.position, offset: context.offset };
      this.inbox.push({ offset: context.offset, data: this.codec.decode(context.data) });
    });
  }

  #note(event, context) {
    // The position before any entry of this connection; only the epoch matters once entries came.
    if (event === 'subscribed' && context.channel === 'inbox') {
      const offset = this.position?.offset ?? context.streamPosition.offset;
      this.position = { offset, epoch: context.streamPosition.epoch };
    }
    this.events.push({ event, ...context });
  }

  /** Connects, and waits until the inbox is there. */
  async connect() {
    const before = this.events.items.length;
    this.client.connect();
    await this.next('subscribed', before);
    return this;
  }

  /** Waits for an event after the first `skip` ones. */
  next(event, skip = 0) {
    const pick = (events) => events.slice(skip).find((item) => item.event === event);
    return this.events.until(pick, `the app hears "${event}"`);
  }

  count(event) {
    return this.events.items.filter((item) => item.event === event).length;
  }

  texts() {
    return this.inbox.items.map(({ data }) => textOf(data));
  }

  offsets() {
    return this.inbox.items.map(({ offset }) => offset);
  }

  async rpc(method, params) {
    const answer = await this.client.rpc(method, this.codec.encode(params));
    return this.codec.decode(answer.data);
  }

  async history(options) {
    const answer = await this.client.history('inbox', options);
    return { ...answer, publications: answer.publications.map((it) => ({ ...it, data: this.codec.decode(it.data) })) };
  }

  close() {
    this.client.disconnect();
  }
}

/** Connect data of a login with the account's static token. */
export function staticLogin(account, more = {}) {
  return { app: APP, account, ...more };
}

/** The text of a text message. */
export function textOf(message) {
  return message.elements[0].text;
}
