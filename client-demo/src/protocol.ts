import type { Socket } from 'socket.io-client';

export interface User {
  userId: string;
  username: string;
}

export interface Message extends User {
  id: string;
  roomId: string;
  content: string;
  timestamp: string;
  clientId?: string;
}

/** What `user-joined` and `user-left` carry. */
export interface Presence extends User {
  roomId: string;
  timestamp: string;
}

export interface Typing extends User {
  roomId: string;
  typing: boolean;
}

export interface Failure {
  code: string;
  message: string;
}

export type Reply<T> = ({ ok: true } & T) | { ok: false; error: Failure };

type Ack<T> = (reply: Reply<T>) => void;

interface ServerEvents {
  'room-users': (users: User[]) => void;
  'user-joined': (who: Presence) => void;
  'user-left': (who: Presence) => void;
  'chat-message': (message: Message) => void;
  typing: (who: Typing) => void;
  error: (failure: Failure) => void;
}

interface ClientEvents {
  join: (visit: User & { roomId: string }, ack: Ack<{ users: User[]; messages: Message[] }>) => void;
  'chat-message': (draft: { content: string; roomId: string; clientId: string }, ack: Ack<{ message: Message }>) => void;
  typing: (hint: { roomId: string; typing: boolean }) => void;
}

export type ChatSocket = Socket<ServerEvents, ClientEvents>;
