import { Avatar } from './Avatar';
import type { User } from './protocol';

export function People({ people, me }: { people: User[]; me: User }) {
  return (
    <aside className="people">
      <h2 id="people">
        Who is here <span className="count">{people.length}</span>
      </h2>
      <ul aria-labelledby="people">
        {people.map((person) => (
          <li key={person.userId}>
            <Avatar user={person} />
            <span className="username">{person.username}</span>
            {person.userId === me.userId && <span className="you">you</span>}
          </li>
        ))}
      </ul>
    </aside>
  );
}
