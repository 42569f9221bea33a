// A telephone without a face: registers, calls, holds, sends digits and hangs up; tells its state. One call at a time.

import { Inviter, type Session, SessionState, UserAgent, Web } from "sip.js";
import { type LineState, SipLine } from "./sip_line";

export type { LineState } from "./sip_line";

export type CallState =
  | { readonly state: "idle" }
  | { readonly state: "calling" | "ringing"; readonly target: string }
  | { readonly state: "talking" | "held"; readonly target: string; readonly canSpeak: boolean }
  | { readonly state: "ended" | "failed"; readonly target: string; readonly reason: string };

export type DigitForm = "rtp" | "info";

export interface PhoneSettings {
  /** wss://HOST/sip */
  readonly server: string;
  readonly domain: string;
  /** A UUID that stays the same over reloads of the page. */
  readonly instanceId: string;
  readonly displayName?: string;
}

export interface PhoneEvents {
  onLine(state: LineState): void;
  onCall(state: CallState): void;
  /** What the other side sends; whoever plays it attaches it to an element. */
  onRemoteStream(stream: MediaStream): void;
  /** What this side sends; not called for a call that only listens. */
  onLocalStream(stream: MediaStream): void;
}

const DIGIT_MS = 160;
const DIGIT = { duration: DIGIT_MS, interToneGap: 70 };
const GATHERING_MS = 1000;

export class SipPhone {
  private readonly line: SipLine;
  private readonly domain: string;
  private readonly events: PhoneEvents;
  private call: Call | undefined;

  constructor(settings: PhoneSettings, events: PhoneEvents) {
    this.domain = settings.domain;
    this.events = events;
    this.line = new SipLine(
      {
        server: settings.server,
        domain: settings.domain,
        instanceId: settings.instanceId,
        user: `browser-${settings.instanceId.slice(0, 8)}`,
        ...(settings.displayName === undefined ? {} : { displayName: settings.displayName }),
        media: {
          sessionDescriptionHandlerFactory: Web.defaultSessionDescriptionHandlerFactory((_, handler) =>
            this.provideStream(handler.peerConnection),
          ),
          // A LAN needs no STUN server, and SIP.js would ask one on the Internet.
          sessionDescriptionHandlerFactoryOptions: {
            iceGatheringTimeout: GATHERING_MS,
            peerConnectionConfiguration: { iceServers: [] },
          },
        },
      },
      (state) => events.onLine(state),
    );
  }

  start(): void {
    this.line.start();
  }

  async stop(): Promise<void> {
    await this.hangUp();
    await this.line.stop();
  }

  /** Call `target`, the user part of an address; without a microphone the call only listens. */
  async dial(target: string): Promise<void> {
    if (this.call !== undefined) throw new Error("there is a call already");
    const uri = UserAgent.makeURI(`sip:${encodeURIComponent(target)}@${this.domain}`);
    if (uri === undefined) throw new Error(`nobody can be called by ${target}`);
    const call = new Call(target, (state) => this.onCall(call, state));
    this.call = call;
    this.events.onCall({ state: "calling", target });
    call.microphone = await openMicrophone();
    if (this.call !== call) {
      call.releaseMicrophone(); // hung up while the browser asked for permission
      return;
    }
    const session = new Inviter(this.line.userAgent, uri);
    call.attach(session, (stream) => this.events.onRemoteStream(stream));
    await call.invite(session);
  }

  async hold(): Promise<void> {
    await this.call?.setHeld(true);
  }

  async resume(): Promise<void> {
    await this.call?.setHeld(false);
  }

  /** Send a digit (0-9, A-D, *, #); by INFO also where nothing can be sent as audio. False: there is no call. */
  async sendDigit(digit: string, form: DigitForm): Promise<boolean> {
    return (await this.call?.sendDigit(digit, form)) ?? false;
  }

  async hangUp(): Promise<void> {
    const call = this.call;
    if (call === undefined) return;
    if (!(await call.hangUp())) this.onCall(call, { state: "ended", target: call.target, reason: "" });
  }

  /** The connection of the call, for statistics. */
  get peerConnection(): RTCPeerConnection | undefined {
    return this.call?.peerConnection;
  }

  private onCall(call: Call, state: CallState): void {
    if (this.call !== call) return;
    if (state.state === "ended" || state.state === "failed") {
      this.call = undefined;
      call.releaseMicrophone();
    }
    this.events.onCall(state);
  }

  private async provideStream(connection: RTCPeerConnection | undefined): Promise<MediaStream> {
    const microphone = this.call?.microphone;
    if (microphone !== undefined) {
      this.events.onLocalStream(microphone);
      return microphone;
    }
    connection?.addTransceiver("audio", { direction: "recvonly" });
    return new MediaStream();
  }
}

/** One call: the session, its audio, and what became of it. */
class Call {
  readonly target: string;
  microphone: MediaStream | undefined;
  private session: Session | undefined;
  private isHeld = false;
  private fault = "";
  private goodbye = "";
  private readonly onState: (state: CallState) => void;

  constructor(target: string, onState: (state: CallState) => void) {
    this.target = target;
    this.onState = onState;
  }

  get peerConnection(): RTCPeerConnection | undefined {
    return handlerOf(this.session)?.peerConnection;
  }

  attach(session: Session, onRemote: (stream: MediaStream) => void): void {
    this.session = session;
    session.delegate = {
      onBye: (bye) => {
        this.goodbye = readReason(bye.request.getHeader("Reason"));
      },
      onSessionDescriptionHandler: () => {
        const handler = handlerOf(session);
        if (handler !== undefined) onRemote(handler.remoteMediaStream);
      },
    };
    session.stateChange.addListener((state) => {
      if (state === SessionState.Established) this.tellTalking();
      else if (state === SessionState.Terminated) queueMicrotask(() => this.tellEnd()); // the reason comes just after
    });
  }

  async invite(session: Inviter): Promise<void> {
    try {
      await session.invite({
        requestDelegate: {
          onProgress: ({ message }) => {
            if (message.statusCode === 180) this.onState({ state: "ringing", target: this.target });
          },
          onReject: ({ message }) => {
            const isOurs = message.statusCode === 487; // the answer to our CANCEL
            this.fault = isOurs ? "" : `${message.statusCode} ${message.reasonPhrase}`;
          },
        },
      });
    } catch (error) {
      this.fault = error instanceof Error ? error.message : String(error);
      this.tellEnd();
    }
  }

  async setHeld(isHeld: boolean): Promise<void> {
    const session = this.session;
    if (session?.state !== SessionState.Established || this.isHeld === isHeld) return;
    session.sessionDescriptionHandlerOptionsReInvite = { hold: isHeld } as Web.SessionDescriptionHandlerOptions;
    await session.invite({
      requestDelegate: {
        onAccept: () => {
          this.isHeld = isHeld;
          for (const track of this.microphone?.getAudioTracks() ?? []) track.enabled = !isHeld;
          this.tellTalking();
        },
        onReject: () => this.tellTalking(),
      },
    });
  }

  async sendDigit(digit: string, form: DigitForm): Promise<boolean> {
    const session = this.session;
    if (session?.state !== SessionState.Established || !/^[0-9A-D*#]$/.test(digit)) return false;
    const isSent = form === "rtp" && handlerOf(session)?.sendDtmf(digit, DIGIT);
    if (!isSent) {
      const content = `Signal=${digit}\r\nDuration=${DIGIT_MS}\r\n`;
      const body = { contentDisposition: "render", contentType: "application/dtmf-relay", content };
      await session.info({ requestOptions: { body } });
    }
    return true;
  }

  /** False: there was nothing to end yet. */
  async hangUp(): Promise<boolean> {
    const session = this.session;
    switch (session?.state) {
      case SessionState.Initial:
      case SessionState.Establishing:
        if (!(session instanceof Inviter)) return false;
        await session.cancel();
        return true;
      case SessionState.Established:
        await session.bye();
        return true;
      default:
        return false;
    }
  }

  releaseMicrophone(): void {
    for (const track of this.microphone?.getTracks() ?? []) track.stop();
    this.microphone = undefined;
  }

  private tellTalking(): void {
    const state = this.isHeld ? "held" : "talking";
    this.onState({ state, target: this.target, canSpeak: this.microphone !== undefined });
  }

  private tellEnd(): void {
    const state = this.fault === "" ? "ended" : "failed";
    this.onState({ state, target: this.target, reason: this.fault || this.goodbye });
  }
}

function handlerOf(session: Session | undefined): Web.SessionDescriptionHandler | undefined {
  const handler = session?.sessionDescriptionHandler;
  return handler instanceof Web.SessionDescriptionHandler ? handler : undefined;
}

/** The microphone; undefined where there is none, or the person does not want to be heard. */
async function openMicrophone(): Promise<MediaStream | undefined> {
  try {
    return await navigator.mediaDevices.getUserMedia({ audio: true });
  } catch {
    return undefined;
  }
}

/** The text of a Reason header (RFC 3326). */
function readReason(header: string | undefined): string {
  return /text="([^"]*)"/.exec(header ?? "")?.[1] ?? "";
}
