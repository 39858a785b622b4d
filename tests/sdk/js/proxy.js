// A wire that can be cut: a TCP forwarder between clients and the server.

import net from 'node:net';

/** Forwards to `server`; `cut()` breaks every connection without a farewell, and `cutAfter(n)` does so once n more bytes came down. */
export class Proxy {
  #pairs = new Set();
  #budget = Infinity;
  #spent = () => {};

  static async start(server) {
    const target = new URL(server.url);
    const proxy = new Proxy();
    proxy.listener = net.createServer((client) => proxy.#forward(client, net.connect(Number(target.port), target.hostname)));
    await new Promise((resolve) => proxy.listener.listen(0, '127.0.0.1', resolve));
    proxy.url = `http://127.0.0.1:${proxy.listener.address().port}`;
    return proxy;
  }

  #forward(client, server) {
    const pair = [client, server];
    this.#pairs.add(pair);
    const end = () => {
      this.#pairs.delete(pair);
      for (const socket of pair) socket.destroy();
    };
    for (const socket of pair) socket.on('error', end).on('close', end);
    client.on('data', (bytes) => server.write(bytes));
    server.on('data', (bytes) => {
      client.write(bytes.subarray(0, Math.min(bytes.length, this.#budget)));
      this.#budget -= bytes.length;
      if (this.#budget <= 0) this.cut();
    });
  }

  cut() {
    this.#budget = Infinity;
    this.#spent();
    for (const pair of [...this.#pairs]) {
      for (const socket of pair) socket.destroy();
    }
  }

  /** Resolves once it is cut. */
  cutAfter(bytes) {
    this.#budget = bytes;
    return new Promise((resolve) => (this.#spent = resolve));
  }

  close() {
    this.cut();
    return new Promise((resolve) => this.listener.close(resolve));
  }
}
