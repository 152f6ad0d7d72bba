import { io } from 'socket.io-client';
import type { ChatSocket } from './protocol';

/** The page's one socket, on the page's own origin. A session opens and closes it. */
export const socket: ChatSocket = io('/chat', { autoConnect: false });
