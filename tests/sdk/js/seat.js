// A user's place in a room: the SDK's subscription, and everything that the room told.

import { Growing, deadline } from './wait.js';

export class Seat {
  /** What the room told: messages, and what happened. */
  told = new Growing();
  /** What was read so far. */
  read = 0;

  constructor(user, room, data = {}) {
    this.codec = user.codec;
    this.subscription = user.client.newSubscription(`room:${room}`, { data: this.codec.encode(data) });
    this.subscription.on('publication', (context) => this.told.push(this.codec.decode(context.data)));
    this.entered = new Promise((resolve) => this.subscription.once('subscribed', resolve));
    this.ended = new Promise((resolve) => this.subscription.on('unsubscribed', resolve));
  }

  /** Enters, and returns what the room says then. */
  async enter() {
    this.subscription.subscribe();
    const context = await deadline(this.entered, 'a user is in the room');
    return this.codec.decode(context.data);
  }

  leave() {
    this.subscription.unsubscribe();
  }

  /** The code with which the subscription ends. */
  async removed() {
    return (await deadline(this.ended, 'a user has to go')).code;
  }

  /** The next thing that the room tells. */
  async next() {
    const told = await this.told.untilCount(this.read + 1, 'the room tells something');
    return told[this.read++];
  }

  /** The text of the next message; what else happened is skipped. */
  async nextText() {
    let it = await this.next();
    while (it.type === 'room') it = await this.next();
    return it.elements[0].text;
  }

  /** The next thing of this kind that happened; what else was told is skipped. */
  async nextEvent(event) {
    let it = await this.next();
    while (it.event !== event) it = await this.next();
    return it;
  }
}
