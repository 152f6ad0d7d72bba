import { useId, useState, type ChangeEvent, type KeyboardEvent, type SyntheticEvent } from 'react';

const limit = 1000;

interface Props {
  send: (content: string) => void;
  typing: () => void;
}

export function Composer({ send, typing }: Props) {
  const [text, setText] = useState('');
  const id = useId();

  function submit(event: SyntheticEvent) {
    event.preventDefault();
    const content = text.trim();
    if (content === '') return;
    send(content);
    setText('');
  }

  function onChange(event: ChangeEvent<HTMLTextAreaElement>) {
    setText(event.target.value);
    if (event.target.value !== '') typing();
  }

  function onKeyDown(event: KeyboardEvent<HTMLTextAreaElement>) {
    // An Enter that ends the composing of a syllable (Korean, Japanese, Chinese) does not send; Safari tells by the code 229 alone.
    const composing = event.nativeEvent.isComposing || event.keyCode === 229;
    if (event.key === 'Enter' && !event.shiftKey && !composing) submit(event);
  }

  return (
    <form className="composer" onSubmit={submit}>
      <label htmlFor={id} className="unseen">
        Message
      </label>
      <textarea
        id={id}
        rows={1}
        value={text}
        onChange={onChange}
        onKeyDown={onKeyDown}
        placeholder="Write a message"
        enterKeyHint="send"
        autoComplete="off"
        autoFocus
      />
      {text.length > limit * 0.9 && (
        <output className={text.length > limit ? 'over' : undefined}>
          {text.length} / {limit}
        </output>
      )}
      <button type="submit" className="primary">
        Send
      </button>
    </form>
  );
}
