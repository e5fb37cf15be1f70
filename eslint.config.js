// How the page's modules are checked: `make lint`. At export they are concatenated into one scope, imports and the word
// `export` stripped, so that a module may only import and export plainly, and no two may have a name in common.
// A file imports from its own folder and from those in rows above its own (ROWS): folders never import each other.

import { existsSync, readFileSync } from 'node:fs';
import { dirname, relative, resolve, sep } from 'node:path';

import js from '@eslint/js';
import globals from 'globals';

const TEXT_ONLY = 'Text of the model goes into the page as text: use el() or textContent.';
const NO_CODE = 'Text of the model must never run.';
const PLAIN = 'At export the modules become one scope: this would not survive it.';

const SOURCES = resolve(import.meta.dirname, 'ptgraph/page/web/src');
const ROWS = [['text', 'model'], ['layout'], ['render'], ['search', 'panels'], ['app'], ['.']]; // `.`: main.js and its like

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

const folderOf = (file) => (dirname(relative(SOURCES, file)) || '.').split(sep)[0];
const rowOf = (folder) => ROWS.findIndex((row) => row.includes(folder));

/** A file imports from its own folder, or from a folder of an earlier row. */
const folderOrder = {
  create: (context) => ({
    Program(node) {
      const own = folderOf(context.filename);
      if (rowOf(own) < 0) context.report({ node, message: `The folder '${own}' has no row in ${import.meta.filename}.` });
    },
    ImportDeclaration(node) {
      const [own, other] = [context.filename, resolve(dirname(context.filename), node.source.value)].map(folderOf);
      if (own === other || rowOf(other) < rowOf(own)) return;
      context.report({ node, message: `A file in '${own}' may not import from '${other}'.` });
    },
  }),
};

const imported = new Map(); // file → the files that it imports, as far as they are known

/** No two files of a folder import each other, over others or not. */
const noCircles = {
  create: (context) => ({
    ImportDeclaration(node) {
      const own = context.filename;
      const other = resolve(dirname(own), node.source.value);
      if (leadsTo(other, own, new Set())) context.report({ node, message: `${other} imports this file, itself or over others.` });
    },
  }),
};

function leadsTo(file, goal, seen) {
  if (file === goal) return true;
  if (seen.has(file) || !existsSync(file)) return false;
  seen.add(file);
  if (!imported.has(file)) {
    const found = readFileSync(file, 'utf8').matchAll(/^(?:import|\}) .*from '(.+)';$/gm);
    imported.set(file, Array.from(found, ([, name]) => resolve(dirname(file), name)));
  }
  return imported.get(file).some((next) => leadsTo(next, goal, seen));
}

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
    files: ['ptgraph/page/web/src/**/*.js'],
    languageOptions: { globals: { ...globals.browser, vis: 'readonly' } },
    plugins: { page: { rules: {
      'folder-order': folderOrder,
      'imports-exist': importsExist,
      'no-circles': noCircles,
      'no-renaming': noRenaming,
      'unique-names': uniqueNames,
    } } },
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
      'page/folder-order': 'error',
      'page/imports-exist': 'error',
      'page/no-circles': 'error',
      'page/no-renaming': 'error',
      'page/unique-names': 'error',
    },
  },
];
