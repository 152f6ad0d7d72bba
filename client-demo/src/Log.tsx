import { useEffect, useRef, useState, type ReactNode } from 'react';
import { Avatar } from './Avatar';
import { clock } from './format';
import type { Conversation } from './conversation';
import type { User } from './protocol';

interface Props {
  conversation: Conversation;
  retry: (clientId: string, content: string) => void;
  discard: (clientId: string) => void;
}

export function Log({ conversation, retry, discard }: Props) {
  const { me, lines, drafts, status } = conversation;
  const box = useRef<HTMLDivElement>(null);
  const list = useRef<HTMLOListElement>(null);
  const [atEnd, setAtEnd] = useState(true);
  const sent = drafts.length;

  // At the end, the box stays there whatever grows or shrinks: lines, drafts, the composer, a phone's keyboard.
  // Who reads further up is not pulled down, except by an own message.
  useEffect(() => {
    if (!atEnd) return;
    const observer = new ResizeObserver(() => toEnd(box.current));
    observer.observe(box.current!);
    observer.observe(list.current!);
    return () => observer.disconnect();
  }, [atEnd]);
  useEffect(() => {
    if (sent > 0) toEnd(box.current);
  }, [sent]);

  return (
    <div className="log-frame">
      <div
        className="log"
        role="log"
        aria-label="Conversation"
        tabIndex={0}
        ref={box}
        onScroll={(e) => setAtEnd(isAtEnd(e.currentTarget))}
      >
        {lines.length === 0 && drafts.length === 0 && status === 'connected' && (
          <p className="empty">Nobody has said anything here yet.</p>
        )}
        <ol ref={list}>
          {lines.map((line) =>
            line.kind === 'notice' ? (
              <li key={line.key} className="notice">
                <span className="text">{line.text}</span> <Time at={line.timestamp} />
              </li>
            ) : (
              <Bubble key={line.key} author={line.message} me={me} at={line.message.timestamp} content={line.message.content} />
            ),
          )}
          {drafts.map(({ clientId, content, timestamp, failure }) => (
            <Bubble key={clientId} author={me} me={me} at={timestamp} content={content} state={failure ? 'failed' : 'sending'}>
              {failure ? (
                <>
                  <span>Not sent.</span>
                  <button type="button" onClick={() => retry(clientId, content)}>
                    Try again
                  </button>
                  <button type="button" onClick={() => discard(clientId)}>
                    Discard
                  </button>
                </>
              ) : (
                <span>Sending…</span>
              )}
            </Bubble>
          ))}
        </ol>
      </div>
      {!atEnd && (
        <button type="button" className="latest" onClick={() => toEnd(box.current)}>
          Latest ↓
        </button>
      )}
    </div>
  );
}

interface BubbleProps {
  author: User;
  me: User;
  at: string;
  content: string;
  state?: 'sending' | 'failed';
  children?: ReactNode;
}

function Bubble({ author, me, at, content, state, children }: BubbleProps) {
  const own = author.userId === me.userId;
  return (
    <li className={['bubble', own && 'own', state].filter(Boolean).join(' ')}>
      <Avatar user={author} />
      <div>
        <p className="meta">
          <strong className="author">{author.username}</strong> <Time at={at} />
        </p>
        <p className="content">{content}</p>
        {children && <p className="delivery">{children}</p>}
      </div>
    </li>
  );
}

function Time({ at }: { at: string }) {
  return <time dateTime={at}>{clock(at)}</time>;
}

function toEnd(box: HTMLElement | null) {
  if (box) box.scrollTop = box.scrollHeight;
}

function isAtEnd(box: HTMLElement): boolean {
  return box.scrollHeight - box.scrollTop - box.clientHeight < 24;
}
