import type { CSSProperties } from 'react';
import { hue, initials } from './format';
import type { User } from './protocol';

export function Avatar({ user }: { user: User }) {
  return (
    <span className="avatar" aria-hidden="true" style={{ '--hue': hue(user.userId) } as CSSProperties}>
      {initials(user.username)}
    </span>
  );
}
