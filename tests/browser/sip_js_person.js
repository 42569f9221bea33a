// Somebody in a browser who watches, says how he is, and writes: SIP.js's own Subscriber, Publisher and Messager.

import { Messager, Publisher, Registerer, Subscriber, UserAgent } from "sip.js";

const answered = (send) =>
  new Promise((resolve) => {
    const done = (response) => resolve(response.message.statusCode);
    send({ onAccept: done, onReject: done });
  });

class Person {
  told = [];
  ends = [];
  letters = [];

  constructor(user, domain, server) {
    this.domain = domain;
    this.agent = new UserAgent({
      uri: this.uriOf(user),
      contactName: user,
      transportOptions: { server },
      logBuiltinEnabled: false,
      delegate: { onMessage: (message) => void this.take(message) },
    });
    this.registerer = new Registerer(this.agent);
  }

  uriOf(user) {
    return UserAgent.makeURI(`sip:${user}@${this.domain}`);
  }

  async come() {
    await this.agent.start();
    return answered((requestDelegate) => this.registerer.register({ requestDelegate }));
  }

  go() {
    return answered((requestDelegate) => this.registerer.unregister({ requestDelegate }));
  }

  watch(user, event = "presence") {
    this.subscriber = new Subscriber(this.agent, this.uriOf(user), event, { expires: 60 });
    this.subscriber.delegate = { onNotify: (notification) => void this.hear(notification) };
    this.subscriber.stateChange.addListener((state) => this.ends.push(state));
    return this.subscriber.subscribe();
  }

  refresh() {
    return this.subscriber.subscribe();
  }

  unwatch() {
    return this.subscriber.unsubscribe();
  }

  async hear(notification) {
    this.told.push(notification.request.body);
    await notification.accept();
  }

  async publish(user, body) {
    this.publisher ??= new Publisher(this.agent, this.uriOf(user), "presence", {
      expires: 60,
      contentType: "application/pidf+xml",
    });
    await this.publisher.publish(body);
  }

  unpublish() {
    return this.publisher.unpublish();
  }

  write(user, text) {
    const messager = new Messager(this.agent, this.uriOf(user), text);
    return answered((requestDelegate) => void messager.message({ requestDelegate }));
  }

  async take(message) {
    this.letters.push(message.request.body);
    await message.accept();
  }
}

window.people = {};
window.meet = (user, domain, server) => (window.people[user] = new Person(user, domain, server)).come();
