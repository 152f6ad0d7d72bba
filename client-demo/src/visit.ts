import type { User } from './protocol';

/** Who comes, and to which room. */
export interface Visit {
  me: User;
  room: string;
}

export const defaultRoom = 'lobby';

/**
 * What this tab remembers over a reload. sessionStorage, not localStorage: two tabs are two people, which is
 * what someone expects who tries a chat alone.
 */
export function recall(): Visit {
  const userId = sessionStorage.getItem('userId') ?? newId();
  sessionStorage.setItem('userId', userId);
  return {
    me: { userId, username: sessionStorage.getItem('username') ?? '' },
    room: sessionStorage.getItem('room') ?? defaultRoom,
  };
}

export function remember({ me, room }: Visit): void {
  sessionStorage.setItem('username', me.username);
  sessionStorage.setItem('room', room);
}

/** A random UUID. crypto.randomUUID exists on https and localhost only; a demo is also opened by its LAN address. */
export function newId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
