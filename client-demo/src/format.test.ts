import { describe, expect, it } from 'vitest';
import { clock, hue, initials, typingText } from './format';

describe('clock', () => {
  it('prints hour and minute in the locale', () => {
    expect(clock('2026-01-02T15:04:05.678Z', 'de-DE', 'UTC')).toBe('15:04');
    expect(clock('2026-01-02T15:04:05.678Z', 'en-GB', 'Asia/Seoul')).toBe('00:04');
  });

  it('prints nothing for what is no time', () => {
    expect(clock('yesterday')).toBe('');
  });
});

describe('initials', () => {
  it.each([
    ['ann', 'A'],
    ['Ann Lee', 'AL'],
    ['  Ann  Mary   Lee ', 'AL'],
    ['김철수', '김'],
    ['😀 party', '😀P'],
    ['', ''],
  ])('of %j are %j', (name, letters) => {
    expect(initials(name)).toBe(letters);
  });
});

describe('hue', () => {
  it('is stable and a hue', () => {
    expect(hue('b9c0')).toBe(hue('b9c0'));
    for (const id of ['', 'a', 'ab', '한글', '3f2504e0-4f89-41d3-9a0c-0305e82c3301']) {
      expect(hue(id)).toBeGreaterThanOrEqual(0);
      expect(hue(id)).toBeLessThan(360);
    }
  });
});

describe('typingText', () => {
  it.each([
    [[], ''],
    [['Ann'], 'Ann is typing…'],
    [['Ann', 'Ben'], 'Ann and Ben are typing…'],
    [['Ann', 'Ben', 'Cho'], 'Several people are typing…'],
  ])('of %j is %j', (names, text) => {
    expect(typingText(names)).toBe(text);
  });
});
