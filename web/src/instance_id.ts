// Who this browser is towards the registrar (RFC 5626 section 4.1): the same after a reload, another in a second tab.

const MOST_TABS = 16;

/**
 * The identity of the first slot that no other tab holds; it is kept until the page goes. Without locks (they need a
 * secure context) or without storage it is one for this page's life.
 */
export async function claimInstanceId(): Promise<string> {
  if (navigator.locks === undefined) return crypto.randomUUID();
  for (let slot = 0; slot < MOST_TABS; slot += 1) {
    if (await holdSlot(`screamrouter-phone-${slot}`)) return storedId(`screamrouter-phone-instance-${slot}`);
  }
  return crypto.randomUUID();
}

function holdSlot(name: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    navigator.locks
      .request(name, { ifAvailable: true }, (lock) => {
        resolve(lock !== null);
        return lock === null ? undefined : new Promise<void>(() => undefined);
      })
      .catch(reject);
  });
}

function storedId(key: string): string {
  try {
    const known = localStorage.getItem(key);
    if (known !== null && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(known)) return known;
    const made = crypto.randomUUID();
    localStorage.setItem(key, made);
    return made;
  } catch {
    return crypto.randomUUID(); // storage is forbidden
  }
}
