-- Numbers of operations on installations: LangBot's tasks are numbers. Taken when one is asked for.
create sequence es.operation_numbers start 1000;
comment on sequence es.operation_numbers is 'Numbers of operations on the wire; taken when one is asked for';
