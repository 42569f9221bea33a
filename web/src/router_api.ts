// The daemon's REST answers, as far as the page needs them.

export interface RouterStatus {
  readonly name: string;
  readonly domain: string;
}

export interface Device {
  readonly uuid: string;
  readonly name: string;
  readonly role: string;
  readonly enabled: boolean;
  readonly pending: boolean;
  readonly online: boolean;
  /** The word for its state, where the daemon knows presence. */
  readonly availability: string | null;
}

/** Throws where the daemon does not answer, or refuses. */
export async function fetchStatus(): Promise<RouterStatus> {
  return fetchJson<RouterStatus>("api/status");
}

/** Throws where the daemon does not answer, or refuses. */
export async function fetchDevices(): Promise<readonly Device[]> {
  return fetchJson<readonly Device[]>("api/devices");
}

async function fetchJson<T>(path: string): Promise<T> {
  const response = await fetch(path, { cache: "no-store" });
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return (await response.json()) as T;
}
