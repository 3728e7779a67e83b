import js from '@eslint/js';
import jupyter from '@jupyter/eslint-plugin';
import prettier from 'eslint-config-prettier';
import hooks from 'eslint-plugin-react-hooks';
import tseslint from 'typescript-eslint';

/** Only the plugins may know the application: the rest runs, and is tested, without it. */
const onlyInPlugins = {
  name: '@jupyterlab/application',
  message: 'Only src/plugins may know the application.'
};
const views = ['src/**/*.tsx'];
const adapters = ['src/plugins/**', 'src/panel/**'];

export default tseslint.config(
  { ignores: ['lib', 'node_modules', 'src/wire.ts'] },
  js.configs.recommended,
  { plugins: { jupyter } },
  ...jupyter.configs.recommended,
  {
    files: ['src/**/*.{ts,tsx}', 'vitest.setup.ts'],
    extends: [tseslint.configs.recommendedTypeChecked],
    plugins: { 'react-hooks': hooks },
    rules: {
      ...hooks.configs.recommended.rules,
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-non-null-assertion': 'error',
      // signals are connected as (method, this)
      '@typescript-eslint/unbound-method': 'off',
      // all of it is smaller than one figure: one request loads it faster than six
      'jupyter/prefer-lazy-imports': 'off',
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      curly: 'error',
      eqeqeq: 'error',
      'max-lines': ['error', 400],
      'max-lines-per-function': ['error', 60],
      'no-restricted-imports': ['error', { paths: [onlyInPlugins] }]
    },
    languageOptions: {
      parserOptions: {
        project: './tsconfig.test.json',
        tsconfigRootDir: import.meta.dirname
      }
    }
  },
  {
    // views draw what they are given: they are tested without JupyterLab
    files: views,
    ignores: adapters,
    rules: {
      'no-restricted-imports': [
        'error',
        { patterns: [{ group: ['@jupyterlab/*', '@lumino/*'] }] }
      ]
    }
  },
  {
    files: ['src/plugins/**', 'src/index.ts'],
    rules: { 'no-restricted-imports': 'off' }
  },
  {
    files: ['**/__tests__/**'],
    rules: {
      'jupyter/require-disposable-ownership': 'off',
      'max-lines-per-function': 'off'
    }
  },
  {
    files: ['scripts/*.mjs'],
    languageOptions: {
      globals: { console: 'readonly', process: 'readonly', URL: 'readonly' }
    }
  },
  prettier
);
