import { useEffect, useReducer, useRef } from 'react';
import { begin, reduce } from './conversation';
import { openSession, type Session } from './session';
import { socket } from './socket';
import type { Visit } from './visit';

/** The conversation of a visit, for as long as the component is there. refused must be stable. */
export function useChat(visit: Visit, refused: (reason: string) => void) {
  const [conversation, dispatch] = useReducer(reduce, visit.me, begin);
  const session = useRef<Session | null>(null);

  useEffect(() => {
    const opened = openSession(socket, visit, dispatch, refused);
    session.current = opened;
    return opened.close;
  }, [visit, refused]);

  return {
    conversation,
    send: (content: string) => session.current?.send(content),
    typing: () => session.current?.typing(),
    retry: (clientId: string, content: string) => session.current?.retry(clientId, content),
    discard: (clientId: string) => session.current?.discard(clientId),
    reconnect: () => session.current?.reconnect(),
    dismiss: () => dispatch({ type: 'error', reason: '' }),
  };
}
