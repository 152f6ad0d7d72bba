import { describe, expect, it } from 'vitest';
import { begin, reduce, type Action, type Conversation } from './conversation';
import type { Message, Presence } from './protocol';

const ann = { userId: 'a', username: 'Ann' };
const ben = { userId: 'b', username: 'Ben' };

function after(...actions: Action[]): Conversation {
  return actions.reduce(reduce, begin(ann));
}

function message(id: string, fields: Partial<Message> = {}): Message {
  return { id, roomId: 'lobby', ...ben, content: `text ${id}`, timestamp: '2026-01-02T03:04:05.678Z', ...fields };
}

function presence(who: typeof ben): Presence {
  return { ...who, roomId: 'lobby', timestamp: '2026-01-02T03:04:05.678Z' };
}

const received = (m: Message): Action => ({ type: 'received', message: m });
const joined = (...messages: Message[]): Action => ({ type: 'joined', users: [ann, ben], messages });
const sending = (clientId: string): Action => ({ type: 'sending', clientId, content: `text ${clientId}`, timestamp: '' });
const texts = (c: Conversation) => c.lines.map((line) => (line.kind === 'notice' ? line.text : line.message.id));

describe('messages', () => {
  it('stand in the order in which they came', () => {
    expect(texts(after(received(message('1')), received(message('2'))))).toEqual(['1', '2']);
  });

  it('are shown once, however often they come', () => {
    expect(texts(after(received(message('1')), received(message('2')), received(message('1'))))).toEqual(['1', '2']);
  });

  it('are kept up to a bound, the newest', () => {
    const many = Array.from({ length: 600 }, (_, i) => received(message(String(i))));
    const kept = texts(after(...many));
    expect(kept).toHaveLength(500);
    expect(kept.at(-1)).toBe('599');
  });
});

describe('history', () => {
  it('fills the gap that an interruption left', () => {
    const c = after(joined(message('1'), message('2')), joined(message('1'), message('2'), message('3'), message('4')));
    expect(texts(c)).toEqual(['1', '2', '3', '4']);
  });

  it('goes before what came live while it was fetched', () => {
    const c = after(received(message('3')), joined(message('1'), message('2'), message('3')));
    expect(texts(c)).toEqual(['1', '2', '3']);
  });

  it('goes behind what is older than all of it', () => {
    const c = after(joined(message('1')), joined(message('8'), message('9')));
    expect(texts(c)).toEqual(['1', '8', '9']);
  });
});

describe('an own message', () => {
  it('is a draft until it is acknowledged, then a line', () => {
    const waiting = after(joined(), sending('x'));
    expect(waiting.drafts.map((d) => d.clientId)).toEqual(['x']);
    const done = reduce(waiting, received(message('1', { ...ann, clientId: 'x' })));
    expect(done.drafts).toEqual([]);
    expect(texts(done)).toEqual(['1']);
  });

  it('takes its place among others in the order of the server', () => {
    const c = after(joined(), sending('x'), received(message('1')), received(message('2', { ...ann, clientId: 'x' })));
    expect(texts(c)).toEqual(['1', '2']);
  });

  it('stops being a draft when only the history brings it', () => {
    const c = after(joined(), sending('x'), joined(message('1', { ...ann, clientId: 'x' })));
    expect(c.drafts).toEqual([]);
    expect(texts(c)).toEqual(['1']);
  });

  it("is not taken for sent because of someone else's clientId", () => {
    const c = after(joined(), sending('x'), received(message('1', { ...ben, clientId: 'x' })));
    expect(c.drafts).toHaveLength(1);
  });

  it('that fails says why, and can be tried again or discarded', () => {
    const failed = after(joined(), sending('x'), { type: 'failed', clientId: 'x', reason: 'Message too long.' });
    expect(failed.error).toBe('Message too long.');
    expect(failed.drafts[0]?.failure).toBe('Message too long.');
    const again = reduce(failed, sending('x'));
    expect(again.error).toBe('');
    expect(again.drafts).toHaveLength(1);
    expect(again.drafts[0]?.failure).toBeUndefined();
    expect(reduce(failed, { type: 'discarded', clientId: 'x' }).drafts).toEqual([]);
  });
});

describe('people', () => {
  it('come and go, each with a line', () => {
    const both = after(
      { type: 'joined', users: [ann], messages: [] },
      { type: 'arrived', who: presence(ben) },
    );
    expect(both.people.map((p) => p.username)).toEqual(['Ann', 'Ben']);
    expect(texts(both)).toEqual(['Ben joined']);
    const alone = reduce(both, { type: 'departed', who: presence(ben) });
    expect(alone.people.map((p) => p.username)).toEqual(['Ann']);
    expect(texts(alone)).toEqual(['Ben joined', 'Ben left']);
    expect(new Set(alone.lines.map((l) => l.key)).size).toBe(2);
  });

  it('are listed once, under the name they came with last', () => {
    const c = after(joined(), { type: 'arrived', who: presence({ ...ben, username: 'Benny' }) });
    expect(c.people.map((p) => p.username)).toEqual(['Ann', 'Benny']);
  });
});

describe('who is typing', () => {
  const typing = (value: boolean): Action => ({ type: 'typing', who: ben, typing: value });

  it('is named once, until the hint ends', () => {
    const c = after(joined(), typing(true), typing(true));
    expect(c.typists).toEqual([ben]);
    expect(reduce(c, typing(false)).typists).toEqual([]);
  });

  it('is not named any more once the message is there, or the person has left', () => {
    const c = after(joined(), typing(true));
    expect(reduce(c, received(message('1'))).typists).toEqual([]);
    expect(reduce(c, { type: 'departed', who: presence(ben) }).typists).toEqual([]);
  });
});
