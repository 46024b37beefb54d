//! The blocks of a file with edits applied.

use crate::{
    block::Block,
    edit::{Content, Edit, Edits},
    error::Error,
    file::File,
    mcu::McuReader,
    recode::Blocks,
};

/// The MCUs of a file with edits applied, the latest one in memory.
#[derive(Debug)]
pub(crate) struct EditedMcus<'a> {
    file: &'a File,
    edits: Edits<'a>,
    reader: McuReader<'a>,
    at: Option<(usize, usize)>,
    edit: Option<&'a Edit>,
    /// A row of MCUs, and the edits on it: a picture can have many.
    row: Option<(usize, Vec<&'a Edit>)>,
}

impl<'a> EditedMcus<'a> {
    pub(crate) fn new(file: &'a File, edits: &Edits<'a>) -> EditedMcus<'a> {
        EditedMcus {
            file,
            edits: *edits,
            reader: McuReader::new(file),
            at: None,
            edit: None,
            row: None,
        }
    }

    /// Reads the MCU of a block, given its component and its position in it. Returns false if it is
    /// the one in memory.
    #[inline]
    pub(crate) fn read(&mut self, component: usize, (x, y): (usize, usize)) -> Result<bool, Error> {
        let c = &self.file.frame.components[component];
        let at = if (c.h, c.v) == (1, 1) {
            (x, y)
        } else {
            (x / c.h, y / c.v)
        };
        if self.at == Some(at) {
            return Ok(false);
        }
        self.at = Some(at);
        self.edit = self.find(at);
        match self.edit {
            None => self.reader.read(at)?,
            Some(edit) => self.fill(edit, at),
        }
        Ok(true)
    }

    /// Reports whether there is an edit on an MCU.
    #[inline]
    pub(crate) fn is_edited(&mut self, at: (usize, usize)) -> bool {
        self.find(at).is_some()
    }

    #[inline]
    fn find(&mut self, at: (usize, usize)) -> Option<&'a Edit> {
        let row = match &mut self.row {
            Some((y, row)) if *y == at.1 => row,
            row => &mut row.insert((at.1, self.edits.on_row(at.1).collect())).1,
        };
        row.iter().copied().find(|edit| edit.contains(at))
    }

    fn fill(&mut self, edit: &Edit, (x, y): (usize, usize)) {
        for (i, c) in self.file.frame.components.iter().enumerate() {
            for (n, block) in self.reader.mcu.component_mut(i).iter_mut().enumerate() {
                *block = edit.block(i, (x * c.h + n % c.h, y * c.v + n / c.h));
            }
        }
    }

    /// Position of the MCU in memory.
    pub(crate) fn at(&self) -> (usize, usize) {
        self.at.unwrap_or_default()
    }

    /// Reports whether an edit fills the MCU in memory with a uniform color.
    pub(crate) fn is_uniform(&self) -> bool {
        let content = self.edit.map(|edit| &edit.content);
        matches!(content, Some(Content::Constant(_)))
    }

    /// Returns the blocks of a component in the MCU in memory, row by row.
    pub(crate) fn blocks(&mut self, component: usize) -> &mut [Block] {
        self.reader.mcu.component_mut(component)
    }

    /// Returns a block of the MCU in memory, given its position in its component.
    #[inline]
    pub(crate) fn block(&self, component: usize, (x, y): (usize, usize)) -> &Block {
        let c = &self.file.frame.components[component];
        let blocks = self.reader.mcu.component(component);
        match blocks {
            [only] => only,
            _ => &blocks[(y % c.v) * c.h + x % c.h],
        }
    }
}

impl Blocks for EditedMcus<'_> {
    fn block(&mut self, component: usize, place: (usize, usize)) -> Result<&Block, Error> {
        self.read(component, place)?;
        Ok(EditedMcus::block(self, component, place))
    }
}
