import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

// public/.gitkeep is copied to dist/.gitkeep, which is committed: the Go package embeds dist, so it must exist on a fresh clone.
export default defineConfig({
  plugins: [react()],
  build: { modulePreload: { polyfill: false } },
  server: {
    proxy: { '/socket.io': { target: 'http://127.0.0.1:3000', ws: true } },
  },
});
