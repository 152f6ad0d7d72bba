import { useCallback, useState } from 'react';
import { JoinForm } from './JoinForm';
import { Room } from './Room';
import { recall, remember, type Visit } from './visit';

export function App() {
  const [remembered, setRemembered] = useState(recall);
  const [visiting, setVisiting] = useState(false);
  const [refusal, setRefusal] = useState('');

  function join(visit: Visit) {
    remember(visit);
    setRemembered(visit);
    setRefusal('');
    setVisiting(true);
  }

  const leave = useCallback((reason: string) => {
    setRefusal(reason);
    setVisiting(false);
  }, []);

  return visiting ? (
    <Room visit={remembered} leave={leave} />
  ) : (
    <JoinForm remembered={remembered} refusal={refusal} join={join} />
  );
}
