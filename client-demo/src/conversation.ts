import type { Message, Presence, User } from './protocol';

export type Status = 'connecting' | 'connected' | 'reconnecting' | 'closed';

export type Line =
  | { kind: 'message'; key: string; message: Message }
  | { kind: 'notice'; key: string; text: string; timestamp: string };

/** An own message that the server has not acknowledged yet. */
export interface Draft {
  clientId: string;
  content: string;
  timestamp: string;
  failure?: string;
}

export interface Conversation {
  me: User;
  status: Status;
  people: User[];
  lines: Line[];
  drafts: Draft[];
  typists: User[];
  error: string;
  notices: number;
}

export type Action =
  | { type: 'status'; status: Status }
  | { type: 'joined'; users: User[]; messages: Message[] }
  | { type: 'people'; users: User[] }
  | { type: 'arrived' | 'departed'; who: Presence }
  | { type: 'received'; message: Message }
  | { type: 'sending'; clientId: string; content: string; timestamp: string }
  | { type: 'failed'; clientId: string; reason: string }
  | { type: 'discarded'; clientId: string }
  | { type: 'typing'; who: User; typing: boolean }
  | { type: 'error'; reason: string };

const keptLines = 500;

export function begin(me: User): Conversation {
  return { me, status: 'connecting', people: [], lines: [], drafts: [], typists: [], error: '', notices: 0 };
}

export function reduce(state: Conversation, action: Action): Conversation {
  switch (action.type) {
    case 'status':
      return { ...state, status: action.status };
    case 'joined':
      return { ...withMessages(state, action.messages), status: 'connected', people: action.users, typists: [], error: '' };
    case 'people':
      return { ...state, people: action.users };
    case 'arrived':
      return withNotice({ ...state, people: [...without(state.people, action.who), action.who] }, action.who, 'joined');
    case 'departed':
      return withNotice(
        { ...state, people: without(state.people, action.who), typists: without(state.typists, action.who) },
        action.who,
        'left',
      );
    case 'received':
      return { ...withMessages(state, [action.message]), typists: without(state.typists, action.message) };
    case 'sending': {
      const { clientId, content, timestamp } = action;
      return { ...state, drafts: [...withoutDraft(state.drafts, clientId), { clientId, content, timestamp }], error: '' };
    }
    case 'failed':
      return {
        ...state,
        drafts: state.drafts.map((d) => (d.clientId === action.clientId ? { ...d, failure: action.reason } : d)),
        error: action.reason,
      };
    case 'discarded':
      return { ...state, drafts: withoutDraft(state.drafts, action.clientId), error: '' };
    case 'typing': {
      const others = without(state.typists, action.who);
      return { ...state, typists: action.typing ? [...others, action.who] : others };
    }
    case 'error':
      return { ...state, error: action.reason };
  }
}

/**
 * Adds messages, in the server's order, that may overlap with what is there: history after a reconnect fills
 * the gap, and an own message takes the place of its draft whether its ack or the history brings it.
 */
function withMessages(state: Conversation, messages: Message[]): Conversation {
  const lines = [...state.lines];
  let at = lines.findIndex((line) => messages.some((m) => m.id === line.key));
  if (at < 0) at = lines.length;
  for (const message of messages) {
    const known = lines.findIndex((line) => line.key === message.id);
    if (known >= 0) {
      at = known + 1;
    } else {
      lines.splice(at++, 0, { kind: 'message', key: message.id, message });
    }
  }
  const mine = new Set(messages.filter((m) => m.userId === state.me.userId).map((m) => m.clientId));
  const drafts = state.drafts.filter((draft) => !mine.has(draft.clientId));
  return { ...state, lines: lines.slice(-keptLines), drafts };
}

function withNotice(state: Conversation, who: Presence, verb: string): Conversation {
  const line: Line = {
    kind: 'notice',
    key: `notice ${state.notices}`,
    text: `${who.username} ${verb}`,
    timestamp: who.timestamp,
  };
  return { ...state, lines: [...state.lines, line].slice(-keptLines), notices: state.notices + 1 };
}

function without(people: User[], who: User): User[] {
  return people.filter((p) => p.userId !== who.userId);
}

function withoutDraft(drafts: Draft[], clientId: string): Draft[] {
  return drafts.filter((d) => d.clientId !== clientId);
}
