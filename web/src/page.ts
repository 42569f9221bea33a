// The page: shows what the telephone and the daemon say, and hands what a person does to the telephone.

import { claimInstanceId } from "./instance_id";
import { LevelMeter } from "./level_meter";
import { LiveEvents } from "./live_events";
import { type Device, fetchDevices, fetchStatus } from "./router_api";
import { type CallState, type LineState, SipPhone } from "./sip_phone";

const REFRESH_MS = 3000;
/** While events tell what changes, the list is read for what they do not tell: a name that the owner changed. */
const REFRESH_LIVE_MS = 15_000;
/** Many events at once are one reading. */
const GATHER_MS = 200;
const METER_MS = 100;
const KEYS = "123456789*0#";

const find = <T extends HTMLElement>(id: string, kind: new () => T): T => {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`the page has no ${id}`);
  return found;
};

const page = {
  routerName: find("router-name", HTMLHeadingElement),
  lineState: find("line-state", HTMLParagraphElement),
  form: find("call-form", HTMLFormElement),
  target: find("target", HTMLSelectElement),
  sinks: find("sinks", HTMLOptGroupElement),
  call: find("call", HTMLButtonElement),
  callState: find("call-state", HTMLParagraphElement),
  callPanel: find("call-panel", HTMLDivElement),
  levelSent: find("level-sent", HTMLMeterElement),
  levelReceived: find("level-received", HTMLMeterElement),
  hold: find("hold", HTMLButtonElement),
  hangUp: find("hang-up", HTMLButtonElement),
  keypad: find("keypad", HTMLDivElement),
  keysByInfo: find("keys-by-info", HTMLInputElement),
  audio: find("remote-audio", HTMLAudioElement),
  noDevices: find("no-devices", HTMLParagraphElement),
  devices: find("devices", HTMLUListElement),
};

class PhonePage {
  private phone: SipPhone | undefined;
  private line: LineState = { state: "connecting" };
  private call: CallState = { state: "idle" };
  private audioContext: AudioContext | undefined;
  private sent: LevelMeter | undefined;
  private received: LevelMeter | undefined;
  private shownDevices = "";
  private gathering: number | undefined;
  private readonly live = new LiveEvents(() => this.readSoon());

  start(): void {
    page.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.dial();
    });
    page.hold.addEventListener("click", () => {
      const isHeld = this.call.state === "held";
      this.tell(isHeld ? this.phone?.resume() : this.phone?.hold());
    });
    page.hangUp.addEventListener("click", () => this.tell(this.phone?.hangUp()));
    for (const key of KEYS) page.keypad.append(this.keyButton(key));
    setInterval(() => this.showLevels(), METER_MS);
    document.addEventListener("visibilitychange", () => this.live.follow());
    void this.refresh();
  }

  /** For tests and the curious: `window.phone.peerConnection.getStats()`. */
  get peerConnection(): RTCPeerConnection | undefined {
    return this.phone?.peerConnection;
  }

  private async refresh(): Promise<void> {
    try {
      if (this.phone === undefined) await this.makePhone();
      this.live.follow();
      await this.readDevices();
    } catch {
      // The daemon is away: the line says so, and the list is as it was.
      if (this.phone === undefined) this.showLine({ state: "offline", retryInS: REFRESH_MS / 1000 });
    }
    setTimeout(() => void this.refresh(), this.live.isLive ? REFRESH_LIVE_MS : REFRESH_MS);
  }

  private readSoon(): void {
    this.gathering ??= window.setTimeout(() => {
      this.gathering = undefined;
      this.readDevices().catch(() => undefined); // `refresh` tells that the daemon is away
    }, GATHER_MS);
  }

  private async readDevices(): Promise<void> {
    if (!document.hidden) this.showDevices(await fetchDevices());
  }

  private async makePhone(): Promise<void> {
    const status = await fetchStatus();
    page.routerName.textContent = status.name;
    document.title = `${status.name} phone`;
    const instanceId = await claimInstanceId();
    this.phone = new SipPhone(
      { server: `wss://${location.host}/sip`, domain: status.domain, instanceId },
      {
        onLine: (state) => this.showLine(state),
        onCall: (state) => this.showCall(state),
        onRemoteStream: (stream) => this.play(stream),
        onLocalStream: (stream) => {
          this.sent = this.meter(stream);
        },
      },
    );
    this.phone.start();
  }

  private dial(): void {
    // Browsers let audio begin only on behalf of a click.
    this.audioContext ??= new AudioContext();
    void this.audioContext.resume();
    this.tell(this.phone?.dial(page.target.value));
  }

  private play(stream: MediaStream): void {
    page.audio.srcObject = stream;
    page.audio.play().catch(() => undefined);
    const begin = (): void => {
      this.received ??= this.meter(stream);
    };
    if (stream.getAudioTracks().length > 0) begin();
    else stream.addEventListener("addtrack", begin, { once: true });
  }

  private meter(stream: MediaStream): LevelMeter | undefined {
    return this.audioContext === undefined ? undefined : new LevelMeter(this.audioContext, stream);
  }

  private tell(action: Promise<unknown> | undefined): void {
    action?.catch((error: unknown) => {
      page.callState.textContent = error instanceof Error ? error.message : String(error);
    });
  }

  private keyButton(key: string): HTMLButtonElement {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = key;
    button.dataset["key"] = key;
    button.addEventListener("click", () => {
      this.tell(this.phone?.sendDigit(key, page.keysByInfo.checked ? "info" : "rtp"));
    });
    return button;
  }

  private showLine(line: LineState): void {
    this.line = line;
    page.lineState.dataset["state"] = line.state;
    page.lineState.textContent = lineText(line);
    this.showCallButton();
  }

  private showCall(call: CallState): void {
    this.call = call;
    const isUp = call.state !== "idle" && call.state !== "ended" && call.state !== "failed";
    page.callState.dataset["state"] = call.state;
    page.callState.textContent = callText(call);
    page.callPanel.hidden = !isUp;
    page.hold.disabled = call.state !== "talking" && call.state !== "held";
    page.hold.textContent = call.state === "held" ? "Resume" : "Hold";
    page.hold.setAttribute("aria-pressed", String(call.state === "held"));
    if (!isUp) this.stopAudio();
    this.showCallButton();
  }

  private showCallButton(): void {
    const isFree = ["idle", "ended", "failed"].includes(this.call.state);
    page.call.disabled = this.line.state !== "registered" || !isFree;
  }

  private stopAudio(): void {
    this.sent?.stop();
    this.received?.stop();
    this.sent = this.received = undefined;
    page.audio.srcObject = null;
  }

  private showLevels(): void {
    page.levelSent.value = this.sent?.level() ?? 0;
    page.levelReceived.value = this.received?.level() ?? 0;
  }

  private showDevices(devices: readonly Device[]): void {
    const text = JSON.stringify(
      devices.map((one) => [one.uuid, one.name, one.role, one.enabled, one.online, one.availability]),
    );
    if (text === this.shownDevices) return; // a list that is made anew loses the reader's place
    this.shownDevices = text;
    page.noDevices.hidden = devices.length > 0;
    page.devices.replaceChildren(...devices.map(deviceItem));
    const chosen = page.target.value;
    const sinks = devices.filter(({ role, enabled, pending }) => role === "sink" && enabled && !pending);
    page.sinks.replaceChildren(...sinks.map(({ name, uuid }) => new Option(name, uuid)));
    page.target.value = chosen;
    if (page.target.selectedIndex < 0) page.target.selectedIndex = 0;
  }
}

function deviceItem(device: Device): HTMLLIElement {
  const item = document.createElement("li");
  const name = document.createElement("span");
  const state = document.createElement("span");
  name.textContent = device.role === "unknown" ? device.name : `${device.name} (${device.role})`;
  state.textContent = device.availability?.replaceAll("_", " ") ?? (device.online ? "online" : "offline");
  state.className = device.online ? "is-online" : "is-offline";
  item.dataset["device"] = device.uuid;
  item.append(name, state);
  return item;
}

function lineText(line: LineState): string {
  switch (line.state) {
    case "connecting":
      return "Connecting…";
    case "registered":
      return "Registered";
    case "offline":
      return "The router does not answer; trying again…";
    case "refused":
      return `Refused: ${line.reason}; trying again…`;
  }
}

function callText(call: CallState): string {
  switch (call.state) {
    case "idle":
      return "No call.";
    case "calling":
      return "Calling…";
    case "ringing":
      return "Ringing…";
    case "talking":
      return call.canSpeak ? "Talking" : "Listening only: the browser has no microphone for this page";
    case "held":
      return "On hold";
    case "ended":
      return call.reason === "" ? "Call ended." : `Call ended: ${call.reason}`;
    case "failed":
      return `Call failed: ${call.reason}`;
  }
}

declare global {
  interface Window {
    phone?: PhonePage;
  }
}

window.phone = new PhonePage();
window.phone.start();
