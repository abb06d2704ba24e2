//! Reads one source file and lists what it names: paths in imports, code, types, attributes and macros, and calls.

use std::collections::HashMap;

use proc_macro2::{Delimiter, Span, TokenStream, TokenTree};
use syn::{
    Attribute, Item, ItemMod, Meta, Token, UseTree,
    punctuated::Punctuated,
    spanned::Spanned,
    visit::{self, Visit},
};

/// Something that a file names.
#[derive(Debug)]
pub(crate) struct Mention {
    /// The full path as far as imports tell it, or `.method()`.
    pub(crate) name: String,
    /// The line, from 1.
    pub(crate) line: usize,
    /// Whether the compiler sees it only in tests.
    pub(crate) in_test: bool,
    /// What it is.
    pub(crate) kind: Kind,
}

/// What a mention is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A path.
    Path,
    /// A method that is called without arguments.
    Method,
    /// A macro that is called.
    Macro,
    /// A lint that is switched off.
    Allow,
    /// A type behind `&mut`.
    MutRef,
}

/// What one file says.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    /// All that it names.
    pub(crate) mentions: Vec<Mention>,
    /// The modules in files of their own that only tests see, with their full paths.
    pub(crate) test_files: Vec<String>,
    /// The lines of the tests that are in the file.
    pub(crate) test_lines: usize,
}

/// Reads the source of the module `module`, such as `crate::app::keys`.
pub(crate) fn scan(module: &str, source: &str) -> syn::Result<Scan> {
    let file = syn::parse_file(source)?;
    let module: Vec<String> = module.split("::").map(str::to_owned).collect();
    let mut imports = Imports { module: module.clone(), names: HashMap::new() };
    imports.visit_file(&file);
    let mut reader = Reader { module, names: imports.names, in_test: false, scan: Scan::default() };
    reader.visit_file(&file);
    Ok(reader.scan)
}

/// The names that `use` brings into a module.
type Names = HashMap<Vec<String>, HashMap<String, Vec<String>>>;

/// The first walk: which names the imports of each module bring.
struct Imports {
    module: Vec<String>,
    names: Names,
}

impl<'ast> Visit<'ast> for Imports {
    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        self.module.push(item.ident.to_string());
        visit::visit_item_mod(self, item);
        self.module.pop();
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        let mut leaves = Vec::new();
        flatten(&item.tree, &mut Vec::new(), &mut leaves);
        for (path, alias, _) in leaves {
            let path = absolute(&path, &self.module).unwrap_or(path);
            self.names.entry(self.module.clone()).or_default().insert(alias, path);
        }
    }
}

/// The second walk: all that is named.
struct Reader {
    module: Vec<String>,
    names: Names,
    in_test: bool,
    scan: Scan,
}

impl Reader {
    fn push(&mut self, name: String, span: Span, kind: Kind) {
        self.scan.mentions.push(Mention { name, line: span.start().line, in_test: self.in_test, kind });
    }

    /// Completes a path with what its first name was imported as.
    fn resolve(&self, path: &[String]) -> Vec<String> {
        if let Some(path) = absolute(path, &self.module) {
            return path;
        }
        let mut scope = self.module.clone();
        // An inner module sees the names of the outer one with `use super::*`.
        while !scope.is_empty() {
            if let Some(full) = self.names.get(&scope).and_then(|names| names.get(&path[0]))
                && full.as_slice() != &path[..1]
            {
                return full.iter().chain(&path[1..]).cloned().collect();
            }
            scope.pop();
        }
        path.to_vec()
    }

    fn path(&mut self, path: &[String], span: Span) {
        let name = self.resolve(path).join("::");
        self.push(name, span, Kind::Path);
    }

    /// Reads what a macro or an attribute is given: names with `::` between them, calls, lints.
    fn tokens(&mut self, tokens: TokenStream) {
        let trees: Vec<TokenTree> = tokens.into_iter().collect();
        let is = |at: usize, c: char| matches!(trees.get(at), Some(TokenTree::Punct(punct)) if punct.as_char() == c);
        let mut at = 0;
        while at < trees.len() {
            let first = at;
            match &trees[at] {
                TokenTree::Group(group) => self.tokens(group.stream()),
                TokenTree::Ident(ident) => {
                    let mut path = vec![ident.to_string()];
                    while is(at + 1, ':') && is(at + 2, ':') {
                        let Some(TokenTree::Ident(next)) = trees.get(at + 3) else { break };
                        path.push(next.to_string());
                        at += 3;
                    }
                    let called_empty = matches!(trees.get(at + 1), Some(TokenTree::Group(group))
                        if group.delimiter() == Delimiter::Parenthesis && group.stream().is_empty());
                    if first > 0 && is(first - 1, '.') {
                        if called_empty {
                            self.push(format!(".{ident}()"), ident.span(), Kind::Method);
                        }
                    } else if path.len() > 1 {
                        self.path(&path, ident.span());
                    }
                    if is(at + 1, '!') {
                        self.push(path.pop().unwrap_or_default(), ident.span(), Kind::Macro);
                    }
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
            at += 1;
        }
    }
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item(&mut self, item: &'ast Item) {
        let outer = self.in_test;
        if attributes(item).iter().any(is_for_tests) {
            self.in_test = true;
            match item {
                Item::Mod(inner) if inner.content.is_none() => {
                    self.scan.test_files.push(format!("{}::{}", self.module.join("::"), inner.ident));
                }
                item => self.scan.test_lines += item.span().end().line + 1 - item.span().start().line,
            }
        }
        visit::visit_item(self, item);
        self.in_test = outer;
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        self.module.push(item.ident.to_string());
        visit::visit_item_mod(self, item);
        self.module.pop();
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        for attribute in &item.attrs {
            self.visit_attribute(attribute);
        }
        let mut leaves = Vec::new();
        flatten(&item.tree, &mut Vec::new(), &mut leaves);
        for (path, _, span) in leaves {
            self.path(&path, span);
        }
    }

    fn visit_item_extern_crate(&mut self, item: &'ast syn::ItemExternCrate) {
        self.push(item.ident.to_string(), item.span(), Kind::Path);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if path.leading_colon.is_some() {
            self.push(names.join("::"), path.span(), Kind::Path);
        } else {
            self.path(&names, path.span());
        }
        visit::visit_path(self, path);
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        if call.args.is_empty() {
            self.push(format!(".{}()", call.method), call.method.span(), Kind::Method);
        }
        visit::visit_expr_method_call(self, call);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        let name = call.path.segments.last().map(|segment| segment.ident.to_string());
        self.push(name.unwrap_or_default(), call.path.span(), Kind::Macro);
        self.tokens(call.tokens.clone());
        visit::visit_macro(self, call);
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        if let Meta::List(list) = &attribute.meta {
            let conditional = attribute.path().is_ident("cfg_attr")
                && list.tokens.clone().into_iter().any(|token| matches!(token, TokenTree::Ident(ident) if ident == "allow"));
            if attribute.path().is_ident("allow") || conditional {
                self.push(list.tokens.to_string(), attribute.span(), Kind::Allow);
            }
            self.tokens(list.tokens.clone());
        }
        visit::visit_attribute(self, attribute);
    }

    fn visit_type_reference(&mut self, reference: &'ast syn::TypeReference) {
        if reference.mutability.is_some()
            && let syn::Type::Path(inner) = &*reference.elem
        {
            let names: Vec<String> = inner.path.segments.iter().map(|segment| segment.ident.to_string()).collect();
            let name = self.resolve(&names).join("::");
            self.push(name, reference.span(), Kind::MutRef);
        }
        visit::visit_type_reference(self, reference);
    }
}

/// Lists the leaves of an import: the path, the name that it brings, and where it stands.
fn flatten(tree: &UseTree, prefix: &mut Vec<String>, leaves: &mut Vec<(Vec<String>, String, Span)>) {
    match tree {
        UseTree::Path(path) => {
            prefix.push(path.ident.to_string());
            flatten(&path.tree, prefix, leaves);
            prefix.pop();
        }
        UseTree::Group(group) => group.items.iter().for_each(|item| flatten(item, prefix, leaves)),
        UseTree::Glob(glob) => leaves.push((with(prefix, "*"), "*".to_owned(), glob.span())),
        UseTree::Name(name) => leaves.push((with(prefix, &name.ident.to_string()), bound(&name.ident, prefix), name.span())),
        UseTree::Rename(name) => leaves.push((with(prefix, &name.ident.to_string()), name.rename.to_string(), name.span())),
    }
}

fn with(prefix: &[String], name: &str) -> Vec<String> {
    let mut path = prefix.to_vec();
    if name != "self" || prefix.is_empty() {
        path.push(name.to_owned());
    }
    path
}

fn bound(name: &syn::Ident, prefix: &[String]) -> String {
    if name == "self" { prefix.last().cloned().unwrap_or_default() } else { name.to_string() }
}

/// Makes a path that starts with `crate`, `self` or `super` start with `crate`; nothing for any other path.
fn absolute(path: &[String], module: &[String]) -> Option<Vec<String>> {
    let (mut base, mut rest) = match path.split_first()? {
        // The binary names the library by its name.
        (first, rest) if first == "crate" || first == "mqtap" => (vec!["crate".to_owned()], rest),
        // Alone, `self` is a value.
        (first, rest) if first == "super" || first == "self" && !rest.is_empty() => (module.to_vec(), path),
        _ => return None,
    };
    while let Some((first, others)) = rest.split_first()
        && (first == "self" || first == "super")
    {
        if first == "super" {
            base.pop();
        }
        rest = others;
    }
    Some(base.into_iter().chain(rest.iter().cloned()).collect())
}

fn is_for_tests(attribute: &Attribute) -> bool {
    attribute.path().is_ident("cfg") && attribute.parse_args().is_ok_and(|predicate| needs_test(&predicate))
}

/// Tells whether a predicate holds in tests only: `test`, alone or as a part of `all(...)`.
fn needs_test(predicate: &Meta) -> bool {
    match predicate {
        Meta::Path(path) => path.is_ident("test"),
        Meta::List(list) if list.path.is_ident("all") => {
            let parts = list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated);
            parts.is_ok_and(|parts| parts.iter().any(needs_test))
        }
        Meta::List(_) | Meta::NameValue(_) => false,
    }
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}
