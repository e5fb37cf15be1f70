// How the page's modules are checked: `make lint`. At export they are concatenated into one scope, imports and the word
// `export` stripped, so that a module may only import and export plainly, and no two may have a name in common.

import { existsSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

import js from '@eslint/js';
import globals from 'globals';

const TEXT_ONLY = 'Text of the model goes into the page as text: use el() or textContent.';
const NO_CODE = 'Text of the model must never run.';
const PLAIN = 'At export the modules become one scope: this would not survive it.';

const homes = new Map(); // top-level name → the first file that has it

/** No two modules declare the same name at their top level. */
const uniqueNames = {
  create: (context) => ({
    Program(node) {
      const [module] = context.sourceCode.getScope(node).childScopes.filter((scope) => scope.type === 'module');
      const declared = (module ?? context.sourceCode.getScope(node)).variables
        .filter((variable) => variable.defs.some((def) => def.type !== 'ImportBinding'));
      for (const { name, defs } of declared) {
        const home = homes.get(name) ?? context.filename;
        homes.set(name, home);
        if (home !== context.filename) context.report({ node: defs[0].node, message: `${home} has a '${name}' too. ${PLAIN}` });
      }
    },
  }),
};

/** What is imported is exported where it is imported from. */
const importsExist = {
  create: (context) => ({
    ImportDeclaration(node) {
      const file = resolve(dirname(context.filename), node.source.value);
      if (!existsSync(file)) {
        context.report({ node, message: `There is no ${file}.` });
        return;
      }
      const found = readFileSync(file, 'utf8').matchAll(/^export (?:async )?(?:function\*?|class|const|let) +(\w+)/gm);
      const exported = new Set(Array.from(found, ([, name]) => name));
      for (const { imported } of node.specifiers.filter((specifier) => specifier.imported)) {
        if (!exported.has(imported.name)) context.report({ node, message: `${file} does not export '${imported.name}'.` });
      }
    },
  }),
};

/** Nothing is imported under another name. */
const noRenaming = {
  create: (context) => ({
    ImportSpecifier(node) {
      if (node.imported.name !== node.local.name) context.report({ node, message: PLAIN });
    },
  }),
};

export default [
  { ignores: ['.venv/', 'build/', 'dist/', 'exports/', 'docs/'] },
  js.configs.recommended,
  {
    files: ['**/*.js'],
    languageOptions: { ecmaVersion: 2023, sourceType: 'module' },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      eqeqeq: 'error',
      'no-undef': 'error',
      'no-unused-vars': 'error',
      'no-var': 'error',
      'prefer-const': 'error',
    },
  },
  { files: ['*.config.js'], languageOptions: { globals: globals.node } },
  {
    files: ['ptgraph/page/*.js'],
    languageOptions: { globals: { ...globals.browser, vis: 'readonly' } },
    plugins: { page: { rules: { 'imports-exist': importsExist, 'no-renaming': noRenaming, 'unique-names': uniqueNames } } },
    rules: {
      'max-lines': ['error', 400],
      'no-console': 'error',
      'no-control-regex': 'off', // names of a model may hold such characters
      'no-eval': 'error',
      'no-implied-eval': 'error',
      'no-new-func': 'error',
      'no-restricted-properties': [
        'error',
        ...['innerHTML', 'outerHTML', 'insertAdjacentHTML', 'createContextualFragment', 'setHTMLUnsafe', 'srcdoc']
          .map((property) => ({ property, message: TEXT_ONLY })),
        ...['write', 'writeln'].map((property) => ({ object: 'document', property, message: TEXT_ONLY })),
        ...['eval', 'Function'].map((property) => ({ object: 'window', property, message: NO_CODE })),
      ],
      'no-restricted-syntax': [
        'error',
        ...['ExportDefaultDeclaration', 'ExportAllDeclaration', 'ExportNamedDeclaration[source]', 'ImportExpression',
          'ExportNamedDeclaration[specifiers.length>0]', 'ImportNamespaceSpecifier', 'ImportDefaultSpecifier']
          .map((selector) => ({ selector, message: PLAIN })),
      ],
      'page/imports-exist': 'error',
      'page/no-renaming': 'error',
      'page/unique-names': 'error',
    },
  },
];
