import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    environment: 'jsdom',
    include: ['src/**/__tests__/*.spec.{ts,tsx}'],
    setupFiles: ['./vitest.setup.ts'],
    restoreMocks: true,
    // the types and the styles of JupyterLab's packages are for a bundler
    server: { deps: { inline: [/@jupyterlab/, /@jupyter\//] } }
  }
});
