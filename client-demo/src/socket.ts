import { io } from 'socket.io-client';
import type { ChatSocket } from './protocol';

/** Where the server says it serves Socket.IO, or where clients expect it. */
const path = document.querySelector<HTMLMetaElement>('meta[name="socket-path"]')?.content ?? '/socket.io/';

/** The page's one socket, on the page's own origin. A session opens and closes it. */
export const socket: ChatSocket = io('/chat', { autoConnect: false, path });
