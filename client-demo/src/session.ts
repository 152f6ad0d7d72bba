import type { Action } from './conversation';
import type { ChatSocket, Failure, Message, Presence, Typing, User } from './protocol';
import { newId, type Visit } from './visit';

const answerTimeout = 10_000;
const typingPause = 2_000; // between two hints that go out
const typingExpiry = 5_000; // after the last hint that came in
const noAnswer = 'The server did not answer.';

export interface Session {
  send(content: string): void;
  typing(): void;
  retry(clientId: string, content: string): void;
  discard(clientId: string): void;
  reconnect(): void;
  close(): void;
}

/**
 * Joins a room and stays in it until close: each time the connection comes back it joins again and sends what
 * was not acknowledged. The server knows a message by its clientId, so sending one twice shows it once.
 */
export function openSession(
  socket: ChatSocket,
  { me, room }: Visit,
  dispatch: (action: Action) => void,
  refused: (reason: string) => void,
): Session {
  const unanswered = new Map<string, string>();
  const expiries = new Map<string, number>();
  let hinted = 0;
  let inRoom = false;

  function onConnect() {
    socket.timeout(answerTimeout).emit('join', { ...me, roomId: room }, (lost, reply) => {
      if (lost) {
        if (socket.connected) refused(noAnswer);
        return;
      }
      if (!reply.ok) return refused(reply.error.message);
      inRoom = true;
      dispatch({ type: 'joined', users: reply.users, messages: reply.messages });
      for (const [clientId, content] of unanswered) emit(clientId, content);
    });
  }

  function onDisconnect() {
    inRoom = false;
    dispatch({ type: 'status', status: socket.active ? 'reconnecting' : 'closed' });
  }

  function onConnectError(error: Error) {
    if (!socket.active) refused(error.message); // the server's own refusal; without one the client keeps trying
  }

  function onRoomUsers(users: User[]) {
    dispatch({ type: 'people', users });
  }

  function onUserJoined(who: Presence) {
    if (who.roomId === room) dispatch({ type: 'arrived', who });
  }

  function onUserLeft(who: Presence) {
    if (who.roomId === room) dispatch({ type: 'departed', who });
  }

  function onMessage(message: Message) {
    if (message.roomId === room) dispatch({ type: 'received', message });
  }

  function onTyping({ roomId, typing, ...who }: Typing) {
    if (roomId !== room) return;
    clearTimeout(expiries.get(who.userId));
    if (typing) {
      const expire = () => dispatch({ type: 'typing', who, typing: false });
      expiries.set(who.userId, window.setTimeout(expire, typingExpiry));
    }
    dispatch({ type: 'typing', who, typing });
  }

  function onError(failure: Failure) {
    dispatch({ type: 'error', reason: failure.message });
  }

  // The server waits for whoever just vanishes, so a page that is closed says so.
  function onPageHide() {
    socket.disconnect();
  }

  function onPageShow({ persisted }: PageTransitionEvent) {
    if (persisted) socket.connect(); // by the browser's back button
  }

  function emit(clientId: string, content: string) {
    socket.timeout(answerTimeout).emit('chat-message', { content, roomId: room, clientId }, (lost, reply) => {
      if (lost && !socket.connected) return; // sent again after the next join
      unanswered.delete(clientId);
      if (lost) dispatch({ type: 'failed', clientId, reason: noAnswer });
      else if (!reply.ok) dispatch({ type: 'failed', clientId, reason: reply.error.message });
      else dispatch({ type: 'received', message: reply.message });
    });
  }

  function deliver(clientId: string, content: string) {
    dispatch({ type: 'sending', clientId, content, timestamp: new Date().toISOString() });
    unanswered.set(clientId, content);
    hinted = 0;
    // socket.io-client would buffer this while offline and send it before the join.
    if (inRoom) emit(clientId, content);
  }

  socket.on('connect', onConnect);
  socket.on('disconnect', onDisconnect);
  socket.on('connect_error', onConnectError);
  socket.on('room-users', onRoomUsers);
  socket.on('user-joined', onUserJoined);
  socket.on('user-left', onUserLeft);
  socket.on('chat-message', onMessage);
  socket.on('typing', onTyping);
  socket.on('error', onError);
  addEventListener('pagehide', onPageHide);
  addEventListener('pageshow', onPageShow);
  socket.auth = { ...me };
  socket.connect();

  return {
    send: (content) => deliver(newId(), content),
    typing: () => {
      if (!inRoom || Date.now() - hinted < typingPause) return;
      hinted = Date.now();
      socket.volatile.emit('typing', { roomId: room, typing: true });
    },
    retry: deliver,
    discard: (clientId) => dispatch({ type: 'discarded', clientId }),
    reconnect: () => {
      dispatch({ type: 'status', status: 'connecting' });
      socket.connect();
    },
    close: () => {
      socket.off('connect', onConnect);
      socket.off('disconnect', onDisconnect);
      socket.off('connect_error', onConnectError);
      socket.off('room-users', onRoomUsers);
      socket.off('user-joined', onUserJoined);
      socket.off('user-left', onUserLeft);
      socket.off('chat-message', onMessage);
      socket.off('typing', onTyping);
      socket.off('error', onError);
      removeEventListener('pagehide', onPageHide);
      removeEventListener('pageshow', onPageShow);
      for (const expiry of expiries.values()) clearTimeout(expiry);
      socket.disconnect();
    },
  };
}
