import { useId, useState, type SyntheticEvent } from 'react';
import { defaultRoom, type Visit } from './visit';

interface Props {
  remembered: Visit;
  refusal: string;
  join: (visit: Visit) => void;
}

export function JoinForm({ remembered, refusal, join }: Props) {
  const [name, setName] = useState(remembered.me.username);
  const [room, setRoom] = useState(remembered.room);
  const [missing, setMissing] = useState(false);
  const id = useId();
  const problem = missing ? 'Please say who you are.' : refusal;

  function submit(event: SyntheticEvent) {
    event.preventDefault();
    const username = name.trim();
    setMissing(username === '');
    if (username === '') return;
    join({ me: { ...remembered.me, username }, room: room.trim() || defaultRoom });
  }

  return (
    <main className="door">
      <form className="card" onSubmit={submit} noValidate>
        <h1>
          <img src="/favicon.svg" alt="" width="36" height="36" /> Parley
        </h1>
        <p className="lead">Open this page in a second window to see both sides of a conversation.</p>
        <div className="field">
          <label htmlFor={`${id}name`}>Your name</label>
          <input
            id={`${id}name`}
            value={name}
            onChange={(e) => setName(e.target.value)}
            autoComplete="nickname"
            aria-invalid={missing}
            aria-describedby={problem ? `${id}problem` : undefined}
            autoFocus
          />
        </div>
        <div className="field">
          <label htmlFor={`${id}room`}>Room</label>
          <input id={`${id}room`} value={room} onChange={(e) => setRoom(e.target.value)} autoComplete="off" autoCapitalize="none" />
        </div>
        {problem && (
          <p className="alert" role="alert" id={`${id}problem`}>
            {problem}
          </p>
        )}
        <button type="submit" className="primary">
          Join
        </button>
      </form>
    </main>
  );
}
