// The connection to the registrar: it stays registered, whatever the network and the server do, until it is stopped.

import { Registerer, RegistererState, UserAgent, type UserAgentOptions } from "sip.js";

export type LineState =
  | { readonly state: "connecting" }
  | { readonly state: "registered" }
  | { readonly state: "offline"; readonly retryInS: number }
  | { readonly state: "refused"; readonly reason: string; readonly retryInS: number };

const EXPIRES_S = 600;
const FIRST_RETRY_S = 0.5;
const LONGEST_RETRY_S = 30;
const SPREAD = 0.25; // so that a restarted server does not meet all browsers in one moment
const CONNECT_S = 5;

export interface LineSettings {
  /** wss://HOST/sip */
  readonly server: string;
  readonly user: string;
  readonly domain: string;
  readonly instanceId: string;
  readonly displayName?: string;
  readonly media: Pick<
    UserAgentOptions,
    "sessionDescriptionHandlerFactory" | "sessionDescriptionHandlerFactoryOptions"
  >;
}

export class SipLine {
  readonly userAgent: UserAgent;
  private readonly registerer: Registerer;
  private readonly onState: (state: LineState) => void;
  private failures = 0;
  private retryInS = 0;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private isStarted = false;
  private isTrying = false;
  private readonly retryNow = (): void => {
    if (this.retry !== undefined) this.attempt();
  };

  constructor(settings: LineSettings, onState: (state: LineState) => void) {
    const uri = UserAgent.makeURI(`sip:${settings.user}@${settings.domain}`);
    if (uri === undefined) throw new Error(`no SIP address: ${settings.user}@${settings.domain}`);
    this.onState = onState;
    this.userAgent = new UserAgent({
      uri,
      ...(settings.displayName === undefined ? {} : { displayName: settings.displayName }),
      contactName: settings.user,
      instanceId: settings.instanceId,
      transportOptions: { server: settings.server, connectionTimeout: CONNECT_S },
      logBuiltinEnabled: false,
      userAgentString: "ScreamRouter page",
      delegate: { onDisconnect: (error) => this.onDisconnect(error) },
      ...settings.media,
    });
    this.registerer = new Registerer(this.userAgent, {
      expires: EXPIRES_S,
      instanceId: settings.instanceId,
      regId: 1,
      refreshFrequency: 80,
    });
    this.registerer.stateChange.addListener((state) => this.onRegistration(state));
  }

  start(): void {
    if (this.isStarted) return;
    this.isStarted = true;
    globalThis.addEventListener("online", this.retryNow);
    this.attempt();
  }

  async stop(): Promise<void> {
    this.isStarted = false;
    globalThis.removeEventListener("online", this.retryNow);
    clearTimeout(this.retry);
    this.retry = undefined;
    await this.userAgent.stop();
  }

  private attempt(): void {
    clearTimeout(this.retry);
    this.retry = undefined;
    if (!this.isStarted || this.isTrying) return;
    this.isTrying = true;
    this.onState({ state: "connecting" });
    this.connectAndRegister()
      .catch(() => this.retryLater())
      .finally(() => {
        this.isTrying = false;
      });
  }

  private async connectAndRegister(): Promise<void> {
    if (!this.userAgent.isConnected()) {
      await (this.userAgent.state === "Started" ? this.userAgent.reconnect() : this.userAgent.start());
    }
    await this.registerer.register({
      requestDelegate: {
        onAccept: () => this.onRegistered(), // the state does not change where it was registered before
        onReject: ({ message }) => this.retryLater(`${message.statusCode} ${message.reasonPhrase}`),
      },
    });
  }

  private onRegistration(state: RegistererState): void {
    if (state === RegistererState.Unregistered) this.retryLater();
  }

  private onRegistered(): void {
    this.failures = 0;
    this.onState({ state: "registered" });
  }

  private onDisconnect(error: Error | undefined): void {
    if (error !== undefined) this.retryLater();
  }

  /** `reason` is what the registrar said; without one it was not reached. */
  private retryLater(reason?: string): void {
    if (!this.isStarted) return;
    if (this.retry === undefined) {
      const delayS = Math.min(LONGEST_RETRY_S, FIRST_RETRY_S * 2 ** this.failures);
      this.retryInS = delayS * (1 + SPREAD * (2 * Math.random() - 1));
      this.failures += 1;
      this.retry = setTimeout(() => this.attempt(), this.retryInS * 1000);
    } else if (reason === undefined) {
      return; // one failure is told by several
    }
    const retryInS = this.retryInS;
    this.onState(reason === undefined ? { state: "offline", retryInS } : { state: "refused", reason, retryInS });
  }
}
