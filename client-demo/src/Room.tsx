import { Composer } from './Composer';
import { typingText } from './format';
import { Log } from './Log';
import { People } from './People';
import type { Status } from './conversation';
import { useChat } from './useChat';
import type { Visit } from './visit';

const statusText: Record<Status, string> = {
  connecting: 'Connecting…',
  connected: 'Connected',
  reconnecting: 'Reconnecting…',
  closed: 'Disconnected',
};

interface Props {
  visit: Visit;
  leave: (reason: string) => void;
}

export function Room({ visit, leave }: Props) {
  const { conversation, send, typing, retry, discard, reconnect, dismiss } = useChat(visit, leave);
  const { status, error, typists } = conversation;

  return (
    <main className="room">
      <header>
        <h1>
          <img src="/favicon.svg" alt="Parley" width="28" height="28" /> <span>{visit.room}</span>
        </h1>
        <p className={`status ${status}`} role="status">
          {statusText[status]}
        </p>
        {status === 'closed' && (
          <button type="button" onClick={reconnect}>
            Reconnect
          </button>
        )}
        <button type="button" onClick={() => leave('')}>
          Leave
        </button>
      </header>
      <People people={conversation.people} me={visit.me} />
      <Log conversation={conversation} retry={retry} discard={discard} />
      <footer>
        {error && (
          <div className="alert" role="alert">
            <span>{error}</span>
            <button type="button" onClick={dismiss} aria-label="Dismiss">
              ×
            </button>
          </div>
        )}
        <Composer send={send} typing={typing} />
        <p className="typists">{typingText(typists.map((t) => t.username))}</p>
      </footer>
    </main>
  );
}
