import { createRoot } from 'react-dom/client';
import ChatRoom from './ChatRoom.jsx';

const root = createRoot(document.getElementById('root'));
root.render(<ChatRoom {...Object.fromEntries(new URLSearchParams(location.search))} />);
window.leave = () => root.unmount();
