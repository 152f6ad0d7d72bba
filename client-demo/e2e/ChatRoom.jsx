import io from 'socket.io-client';
import { useState, useEffect, useRef } from 'react';

function ChatRoom({ roomId, userId, username }) {
  const [messages, setMessages] = useState([]);
  const [input, setInput] = useState('');
  const socketRef = useRef(null);

  useEffect(() => {
    // 연결
    const socket = io('http://localhost:3000/chat');
    socketRef.current = socket;

    // 방 입장
    socket.emit('join', { userId, username, roomId });

    // 채팅 메시지 수신
    socket.on('chat-message', (message) => {
      setMessages(prev => [...prev, message]);
    });

    // 사용자 입장/퇴장 수신
    socket.on('user-joined', (user) => {
      setMessages(prev => [...prev, { type: 'system', content: `${user.username} joined` }]);
    });

    socket.on('user-left', (user) => {
      setMessages(prev => [...prev, { type: 'system', content: `${user.username} left` }]);
    });

    // 정리
    return () => {
      socket.disconnect();
    };
  }, [roomId, userId, username]);

  // 메시지 전송
  const sendMessage = (e) => {
    e.preventDefault();
    if (input.trim() && socketRef.current) {
      socketRef.current.emit('chat-message', {
        content: input.trim(),
      });

      setInput('');
    }
  };

  return (
    <div>
      <h2>Chat Room: {roomId}</h2>
      
      <div style={{ height: '400px', overflow: 'auto', border: '1px solid #ccc', padding: '10px' }}>
        {messages.map((msg, index) => (
          <div key={index} style={{ marginBottom: '10px' }}>
            {msg.type === 'system' ? (
              <em style={{ color: '#666' }}>{msg.content}</em>
            ) : (
              <div>
                <strong>{msg.username}:</strong> {msg.content}
                <small style={{ color: '#999' }}>
                  {new Date(msg.timestamp).toLocaleTimeString()}
                </small>
              </div>
            )}
          </div>
        ))}
      </div>

      <form onSubmit={sendMessage}>
        <input
          type="text"
          value={input}
          onChange={(e) => setInput(e.target.value)}
          placeholder="Type a message..."
        />
        <button type="submit">Send</button>
      </form>
    </div>
  );
}

export default ChatRoom;
